//! Drafts of WASI, by the words of the command line: `config`, `pairs [BUCKET]`, `log`; `fill FIRST`
//! keeps numbers from that on, for ever, and prints up to where they are kept; `look COUNT` looks
//! for so many of them.

#![no_std]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use guests::say;
use wasi::config::store as config;
use wasi::keyvalue::store::{Bucket, Error, open};
use wasi::keyvalue::{atomics, batch};
use wasi::logging::logging::{Level, log};
use wasip2::cli::environment::get_arguments;

wit_bindgen::generate!({ path: "drafts", world: "program", generate_all });

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let word = |at: usize| arguments.get(at).map_or("", |word| word.as_str());
        match word(1) {
            "config" => {
                for name in ["a", "b", "none"] {
                    say!("{name} {:?}", config::get(name));
                }
                say!("{:?}", config::get_all());
                Ok(())
            }
            "pairs" => pairs(word(2)).map_err(|error| say!("{error:?}")),
            "fill" => fill(word(2).parse().or(Err(()))?).map_err(|error| say!("{error:?}")),
            "look" => look(word(2).parse().or(Err(()))?).map_err(|error| say!("{error:?}")),
            "log" => {
                for level in [Level::Trace, Level::Info, Level::Warn, Level::Critical] {
                    log(level, "guest", "one\ntwo");
                }
                Ok(())
            }
            _ => Err(()),
        }
    }
}

fn text(value: Option<Vec<u8>>) -> Option<String> {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn pairs(name: &str) -> Result<(), Error> {
    let bucket = open(name)?;
    say!("a {:?}", text(bucket.get("a")?));
    say!("runs {}", atomics::increment(&bucket, "runs", 1)?);
    bucket.set("b", b"some text")?;
    bucket.set("c", &[])?;
    say!("c {} {:?}", bucket.exists("c")?, text(bucket.get("c")?));
    bucket.delete("c")?;
    bucket.delete("c")?;
    say!("c {} {:?}", bucket.exists("c")?, text(bucket.get("c")?));
    let more = [("d".to_string(), b"1".to_vec()), ("e".to_string(), b"2".to_vec())];
    batch::set_many(&bucket, &more)?;
    let keys = ["d", "none", "e"].map(String::from);
    for found in batch::get_many(&bucket, &keys)? {
        say!("found {:?}", found.map(|(key, value)| (key, text(Some(value)))));
    }
    batch::delete_many(&bucket, &keys)?;
    say!("number {:?}", atomics::increment(&bucket, "b", 1));
    let again = open(name)?;
    say!("keys {:?}", again.list_keys(None)?.keys);
    say!("behind one {:?}", again.list_keys(Some(1))?.keys);
    Ok(())
}

/// Numbers that are kept at once.
const STEP: u64 = 100;

fn fill(first: u64) -> Result<(), Error> {
    let bucket = open("")?;
    for first in (first..).step_by(STEP as usize) {
        let numbers = first..first + STEP;
        let pairs: Vec<_> = numbers
            .map(|number| (number.to_string(), number.to_le_bytes().to_vec()))
            .collect();
        batch::set_many(&bucket, &pairs)?;
        say!("{}", first + STEP);
    }
    Ok(())
}

fn look(count: u64) -> Result<(), Error> {
    let bucket: Bucket = open("")?;
    let mut found = 0;
    for number in 0..count {
        let value = bucket.get(&number.to_string())?;
        found += u64::from(value.as_deref() == Some(&number.to_le_bytes()));
    }
    say!("{found}");
    Ok(())
}
