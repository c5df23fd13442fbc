//! Pairs by both drafts of `wasi:keyvalue` that there are: `both` looks at the same pairs by each,
//! `swap` compares and swaps, `count COUNT` adds to a number so often by comparing and swapping.

#![no_std]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use guests::say;
use wasi::keyvalue0_2_0_draft as first;
use wasi::keyvalue0_2_0_draft2 as second;
use wasi::keyvalue0_2_0_draft2::atomics::{Cas, CasError, increment, swap};
use wasi::keyvalue0_2_0_draft2::store::{Bucket, Error, open};
use wasip2::cli::environment::get_arguments;

wit_bindgen::generate!({ path: "pairs", world: "program", generate_all });

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let word = |at: usize| arguments.get(at).map_or("", |word| word.as_str());
        let done = match word(1) {
            "both" => both(),
            "swap" => swaps(),
            "count" => count(word(2).parse().or(Err(()))?),
            _ => return Err(()),
        };
        done.map_err(|error| say!("{error:?}"))
    }
}

fn text(value: Option<Vec<u8>>) -> Option<String> {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn both() -> Result<(), Error> {
    let old = first::store::open("").map_err(|_| Error::NoSuchStore)?;
    let new = open("")?;
    for key in ["a", "b", "c"] {
        old.set(key, key.as_bytes()).map_err(|_| Error::NoSuchStore)?;
    }
    say!("b {:?} {}", text(new.get("b")?), new.exists("b")?);
    new.delete("b")?;
    say!("b {:?}", old.get("b"));
    let number = first::atomics::increment(&old, "n", 5);
    say!("5, then 3 less: {number:?} {:?}", increment(&new, "n", -3));
    say!("9 less: {:?}, by the first draft: {:?}", increment(&new, "n", -9), first::atomics::increment(&old, "n", 1));
    say!("too large: {:?}", increment(&new, "m", i64::MIN).and(increment(&new, "m", -1)));
    second::batch::set_many(&new, &[("x".to_string(), b"1".to_vec()), ("y".to_string(), Vec::new())])?;
    let keys = ["y", "none"].map(String::from);
    for found in second::batch::get_many(&new, &keys)? {
        say!("found {:?}", found.map(|(key, value)| (key, text(Some(value)))));
    }
    second::batch::delete_many(&new, &keys)?;
    let all = new.list_keys(None)?;
    say!("keys {:?} {:?}", all.keys, all.cursor);
    say!("behind c {:?}", new.list_keys(Some("c"))?.keys);
    say!("{:?}", open("none").map(|_| ()));
    Ok(())
}

fn swaps() -> Result<(), Error> {
    let bucket = open("")?;
    let cas = Cas::new(&bucket, "new")?;
    say!("nothing yet: {:?}", text(cas.current()?));
    say!("swapped: {}", swap(cas, b"one").is_ok());
    let cas = Cas::new(&bucket, "new")?;
    bucket.set("new", b"two")?;
    say!("as it was seen: {:?}, now {:?}", text(cas.current()?), text(bucket.get("new")?));
    match swap(cas, b"three") {
        Err(CasError::CasFailed(cas)) => {
            say!("it has changed, to {:?}", text(cas.current()?));
            say!("swapped: {}", swap(cas, b"three").is_ok());
        }
        other => say!("{}", other.is_ok()),
    }
    say!("{:?}", text(bucket.get("new")?));
    Ok(())
}

fn count(count: u32) -> Result<(), Error> {
    let bucket: Bucket = open("")?;
    for _ in 0..count {
        let mut cas = Cas::new(&bucket, "count")?;
        loop {
            let number: u32 = text(cas.current()?).map_or(0, |text| text.parse().unwrap_or(0));
            match swap(cas, (number + 1).to_string().as_bytes()) {
                Ok(()) => break,
                Err(CasError::CasFailed(newer)) => cas = newer,
                Err(CasError::StoreError(error)) => return Err(error),
            }
        }
    }
    say!("{:?}", text(bucket.get("count")?));
    Ok(())
}
