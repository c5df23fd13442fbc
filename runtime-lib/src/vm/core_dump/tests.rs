//! What is written of memories, numbers and lengths, and what becomes of a file that is not whole.

use super::*;
use std::ffi::CString;
use std::fs;

#[test]
fn segments_are_what_is_no_zeros() {
    let found = |bytes: &[u8]| segments(bytes, 16).collect::<Vec<_>>();
    assert_eq!(found(&[]), []);
    assert_eq!(found(&[0; 100]), []);
    let mut bytes = [0; 83];
    bytes[2] = 1;
    let one = 2..3;
    assert_eq!(found(&bytes), std::slice::from_ref(&one));
    // The next piece is zeros, so this is another one.
    bytes[33] = 1;
    assert_eq!(found(&bytes), [2..3, 33..34]);
    // Within a piece, zeros are part of it; between two there are many here, and few there.
    bytes[12] = 1;
    bytes[20] = 1;
    assert_eq!(found(&bytes), [2..21, 33..34]);
    bytes[20] = 0;
    bytes[21] = 1;
    assert_eq!(found(&bytes), [2..13, 21..22, 33..34]);
    // What is left at the end is no whole piece.
    bytes[82] = 1;
    assert_eq!(found(&bytes), [2..13, 21..22, 33..34, 82..83]);
}

#[test]
fn zeros_are_found_at_any_place() {
    for len in [0, 1, 63, 64, 65, 200] {
        assert_eq!(without_zeros(&vec![0; len]), None);
        for (first, last) in (0..len).flat_map(|first| (first..len).map(move |last| (first, last)))
        {
            let mut bytes = vec![0; len];
            (bytes[first], bytes[last]) = (1, 1);
            assert_eq!(without_zeros(&bytes), Some(first..last + 1));
        }
    }
}

#[test]
fn numbers_and_lengths_are_as_the_format_has_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump");
    let path = CString::new(file.to_str().expect("text")).expect("no zeros");
    let mut out = Output::create(&path).expect("a file");
    out.section(7, |out| {
        out.number(300);
        for number in [0, -1, 63, 64, -64, -65, i64::MIN] {
            out.signed(number);
        }
        out.counted(|out| {
            out.bytes(&[9; 20_000]);
            20_000
        });
    });
    assert_eq!(out.finish(&path), Ok(()));
    let written = fs::read(&file).expect("the file");
    let head = [
        7, 0xb9, 0x9c, 0x81, 0x80, 0, // 20,025 bytes
        0xac, 2, 0, 0x7f, 0x3f, 0xc0, 0, 0x40, 0xbf, 0x7f, //
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, //
        0xa0, 0x9c, 0x81, 0x80, 0,
    ];
    assert_eq!(written[..head.len()], head);
    assert_eq!(written[head.len()..], [9; 20_000]);
}

#[test]
fn a_file_that_is_not_whole_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump");
    let path = CString::new(file.to_str().expect("text")).expect("no zeros");
    let mut out = Output::create(&path).expect("a file");
    out.fill_in(0, 1 << 32);
    assert_eq!(out.finish(&path), Err(Fault::TooLarge));
    assert!(!file.exists());
    let full = Output::create(c"/dev/full").map(|mut out| {
        out.byte(1);
        out.finish(c"/dev/full")
    });
    assert_eq!(full, Ok(Err(Fault::System(rustix::io::Errno::NOSPC))));
    assert!(fs::exists("/dev/full").expect("to look"));
}
