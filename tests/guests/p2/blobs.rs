//! Containers of objects, by the words of the command line: `names` keeps objects of names that are
//! hard to keep, `values` reads, copies, moves and removes, `unfinished` leaves a value, `open NAME`
//! looks for a container, `fill NAME COUNT` writes an object so often, `check NAME` reads it.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use guests::say;
use wasi::blobstore::blobstore::{
    ObjectId, container_exists, copy_object, create_container, delete_container, get_container,
    move_object,
};
use wasi::blobstore::container::Container;
use wasi::blobstore::types::{IncomingValue, OutgoingValue};
use wasip2::cli::environment::get_arguments;

wit_bindgen::generate!({ path: "blobs", world: "program", generate_all });

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let word = |at: usize| arguments.get(at).map_or("", |word| word.as_str());
        let done = match word(1) {
            "names" => names(),
            "values" => values(),
            "unfinished" => unfinished(),
            "open" => get_container(word(2)).map(|_| say!("it is there")),
            "fill" => fill(word(2), word(3).parse().or(Err(()))?),
            "check" => check(word(2)),
            _ => return Err(()),
        };
        done.map_err(|error| say!("error: {error}"))
    }
}

fn write(container: &Container, name: &str, bytes: &[u8]) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    let body = value.outgoing_value_write_body().or(Err("a stream was given before"))?;
    container.write_data(name, &value)?;
    for part in bytes.chunks(4096) {
        body.blocking_write_and_flush(part).or(Err("it cannot be written"))?;
    }
    drop(body);
    OutgoingValue::finish(value)
}

fn read(container: &Container, name: &str) -> Result<Vec<u8>, String> {
    part(container, name, 0, u64::MAX)
}

fn part(container: &Container, name: &str, start: u64, end: u64) -> Result<Vec<u8>, String> {
    let value = container.get_data(name, start, end)?;
    IncomingValue::incoming_value_consume_sync(value)
}

fn text(bytes: Result<Vec<u8>, String>) -> String {
    match bytes {
        Ok(bytes) => format!("{:?}", String::from_utf8_lossy(&bytes)),
        Err(error) => format!("error: {error}"),
    }
}

fn id(container: &str, object: &str) -> ObjectId {
    ObjectId {
        container: container.to_string(),
        object: object.to_string(),
    }
}

fn names() -> Result<(), String> {
    let long = "very long/".repeat(100);
    let names = ["", ".", "..", "../x", "/etc/passwd", "a b", "100%", "x.txt", "x", "\0", &long];
    let container = create_container("../c")?;
    for name in names {
        write(&container, name, name.as_bytes())?;
    }
    for name in names {
        let found = container.has_object(name)? && read(&container, name)? == name.as_bytes();
        let shown: String = name.chars().take(12).collect();
        say!("{shown:?} {found}");
    }
    let listed = container.list_objects()?;
    let mut count = listed.skip_stream_object_names(2)?.0;
    loop {
        let (names, is_end) = listed.read_stream_object_names(4)?;
        count += names.len() as u64;
        say!("{} {is_end}", names.len());
        if is_end {
            break;
        }
    }
    say!("{count} objects, {} were written", names.len());
    say!("{:?}", write(&container, &"x".repeat(1025), b""));
    container.delete_object(&long)?;
    container.delete_object(&long)?;
    Ok(())
}

fn values() -> Result<(), String> {
    let container = create_container("values")?;
    say!("again: {}", create_container("values").map_or_else(|e| e, |_| "made".to_string()));
    say!("exists: {:?} {:?}", container_exists("values")?, container_exists("none")?);
    say!("name: {} {}", container.name()?, container.info()?.name);
    let is_now = |seconds: u64| seconds.abs_diff(wasip2::clocks::wall_clock::now().seconds) < 600;
    say!("made now: {}", is_now(container.info()?.created_at));
    write(&container, "digits", b"0123456789")?;
    write(&container, "nothing", b"")?;
    let info = container.object_info("digits")?;
    say!("{} of {}: {} bytes, now: {}", info.name, info.container, info.size, is_now(info.created_at));
    for (start, end) in [(0, 0), (3, 5), (8, 100), (10, 10), (100, 200), (5, 3)] {
        say!("{start}..={end} {}", text(part(&container, "digits", start, end)));
    }
    say!("nothing {}", text(part(&container, "nothing", 0, 0)));
    say!("none {}", text(read(&container, "none")));
    let large: Vec<u8> = (0..1_000_000_u32).map(|i| (i / 3) as u8).collect();
    write(&container, "large", &large)?;
    let value = container.get_data("large", 1, 999_998)?;
    say!("large: {} bytes", value.size());
    let stream = IncomingValue::incoming_value_consume_async(value)?;
    // It is read although there is another one now, and none.
    write(&container, "large", b"other")?;
    container.delete_object("large")?;
    say!("same: {}", guests_read(&stream) == large[1..999_999]);
    write(&container, "large", &large)?;
    let other = create_container("other")?;
    copy_object(&id("values", "large"), &id("other", "copy"))?;
    copy_object(&id("values", "digits"), &id("values", "digits"))?;
    move_object(&id("values", "digits"), &id("other", "moved"))?;
    move_object(&id("other", "moved"), &id("other", "moved"))?;
    say!("copied: {}, moved: {}", read(&other, "copy")? == large, text(read(&other, "moved")));
    say!("digits: {}", container.has_object("digits")?);
    say!("{:?}", copy_object(&id("values", "none"), &id("other", "x")));
    say!("{:?}", move_object(&id("other", "copy"), &id("none", "x")));
    // One value for several objects.
    let value = OutgoingValue::new_outgoing_value();
    container.write_data("one", &value)?;
    other.write_data("two", &value)?;
    let body = value.outgoing_value_write_body().or(Err("no stream"))?;
    say!("second stream: {:?}", value.outgoing_value_write_body().map(|_| ()));
    body.blocking_write_and_flush(b"both").or(Err("it cannot be written"))?;
    drop(body);
    say!("before the end: {}", other.has_object("two")?);
    OutgoingValue::finish(value)?;
    say!("{} {}", text(read(&container, "one")), text(read(&other, "two")));
    container.delete_objects(&vec!["one".to_string(), "none".to_string()])?;
    other.clear()?;
    say!("left: {:?}", container.list_objects()?.read_stream_object_names(100)?);
    say!("left: {:?}", other.list_objects()?.read_stream_object_names(0)?);
    delete_container("other")?;
    say!("{:?}", other.has_object("copy"));
    say!("{:?}", delete_container("other"));
    Ok(())
}

fn guests_read(stream: &wasi::io::streams::InputStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(bytes) = stream.blocking_read(10_000) {
        all.extend(bytes);
    }
    all
}

fn unfinished() -> Result<(), String> {
    let container = create_container("unfinished")?;
    let value = OutgoingValue::new_outgoing_value();
    container.write_data("x", &value)?;
    let body = value.outgoing_value_write_body().or(Err("no stream"))?;
    body.blocking_write_and_flush(b"half").or(Err("it cannot be written"))?;
    drop(body);
    drop(value);
    say!("there: {}", container.has_object("x")?);
    let value = OutgoingValue::new_outgoing_value();
    let _body = value.outgoing_value_write_body();
    // A trap: the stream is there.
    OutgoingValue::finish(value)
}

/// Writes one object again and again, and prints how often.
fn fill(name: &str, count: u32) -> Result<(), String> {
    let container = match get_container(name) {
        Ok(container) => container,
        Err(_) => create_container(name)?,
    };
    for round in 0..count {
        let bytes = vec![round as u8; 100_000];
        write(&container, "object", &bytes)?;
        say!("{round}");
    }
    Ok(())
}

/// All bytes of the object are the same, as they were written together.
fn check(name: &str) -> Result<(), String> {
    let bytes = read(&get_container(name)?, "object")?;
    let is_whole = bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]);
    say!("whole: {is_whole}");
    Ok(())
}
