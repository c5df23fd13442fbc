//! Compiles an input that may have changed: functions that are as they were are not compiled again.
//!
//! The cache has one entry for each input, by its path, with the code of all functions of the last
//! build. Another process may replace it meanwhile: what was read stays.

use wasmelt_compiler::{CodeCache, Compiled, Options};

use crate::cache::{self, Cache};
use crate::diagnostic::{Console, Diagnostic, Failure};
use crate::input::{Input, InputPath};
use crate::pipeline;

/// Less code than this is compiled sooner than it is looked for.
const CODE_BYTES_MIN: u64 = 64 << 10;

/// Compiles `input`, which was read from `path`.
///
/// # Errors
/// As for [`pipeline::compile`]: without a cache everything is compiled.
pub(crate) fn compile(
    input: &Input,
    path: &InputPath,
    options: &Options,
    console: &Console,
) -> Result<Compiled, Failure> {
    let key = cache::code_key(options, path);
    let cache = Cache::open().map(|cache| cache.for_code());
    let earlier = match (&cache, &key) {
        (Ok(cache), Some(key)) => cache.find(key).and_then(|entry| entry.contents().ok()),
        _ => None,
    };
    let code = CodeCache::new(earlier.unwrap_or_default());
    let compiled = pipeline::compile(input, options, console, Some(&code))?;
    if compiled.report.code_bytes >= CODE_BYTES_MIN
        && let Some(key) = key
        && let Some(bytes) = code.into_bytes()
        && let Err(why) = cache.and_then(|cache| cache.add(&key, &bytes))
        && console.verbose
    {
        let message = "the code of functions is not kept for the next build";
        console.show(
            &Diagnostic::information(message)
                .note(why)
                .help("name a directory that only you can write to: `WASMELT_CACHE_DIR=PATH`"),
        );
    }
    Ok(compiled)
}
