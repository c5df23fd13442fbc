//! Frames, and what state a stream has to be in for them: sections 4 to 6.

use super::Heard::{Away, Blunt, Either, Fine, Reset};
use super::*;

pub(super) fn framing() -> Vec<Case> {
    let large = vec![0; 16_385];
    vec![
        (
            "4.1: unknown frames are ignored",
            frame(0xfa, 0, 0, b"12345678"),
            Fine,
        ),
        (
            "4.1: unknown flags are ignored",
            frame(PING, 0xf6, 0, b"12345678"),
            Fine,
        ),
        (
            "4.1: the reserved bit is ignored",
            frame(PING, 0, 1 << 31, b"12345678"),
            Fine,
        ),
        (
            "4.2: data beyond the size of frames",
            [open(1), frame(DATA, 0, 1, &large)].concat(),
            Away(FRAME_SIZE_ERROR),
        ),
        (
            "4.2: headers beyond the size of frames",
            frame(HEADERS, ALL, 1, &large),
            Away(FRAME_SIZE_ERROR),
        ),
        (
            "4.3: headers that cannot be decompressed",
            frame(HEADERS, ALL, 1, &[0x40]),
            Blunt(COMPRESSION_ERROR),
        ),
        (
            "4.3: a frame inside of headers",
            [
                frame(HEADERS, END_STREAM, 1, &with(&[])),
                frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 255]),
            ]
            .concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "4.3: headers of another stream inside of headers",
            [frame(HEADERS, END_STREAM, 1, &with(&[])), whole(3)].concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.5: an unknown frame inside of headers",
            [
                frame(HEADERS, END_STREAM, 1, &with(&[])),
                frame(0xfa, 0, 0, b""),
            ]
            .concat(),
            Away(PROTOCOL_ERROR),
        ),
    ]
}

pub(super) fn states() -> Vec<Case> {
    let reset = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    let opened = (0..129).map(|number| open(2 * number + 1));
    vec![
        (
            "5.1: data before headers",
            frame(DATA, 0, 1, b"x"),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1: a reset before headers",
            reset.clone(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1: a window before headers",
            frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1: a continuation before headers",
            frame(CONTINUATION, END_HEADERS, 1, &with(&[])),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1: data behind the end",
            [whole(1), frame(DATA, END_STREAM, 1, b"x")].concat(),
            Blunt(STREAM_CLOSED),
        ),
        (
            "5.1: headers behind the end",
            [whole(1), whole(1)].concat(),
            Blunt(STREAM_CLOSED),
        ),
        (
            "5.1: a continuation behind the end",
            [whole(1), frame(CONTINUATION, END_HEADERS, 1, &with(&[]))].concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1: data behind a reset",
            [open(1), reset.clone(), frame(DATA, END_STREAM, 1, b"x")].concat(),
            Either(STREAM_CLOSED),
        ),
        (
            "5.1: headers behind a reset",
            [open(1), reset.clone(), whole(1)].concat(),
            Blunt(STREAM_CLOSED),
        ),
        (
            "5.1: a window behind the end",
            [
                open(1),
                reset,
                frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()),
            ]
            .concat(),
            Fine,
        ),
        (
            "5.1.1: a stream of the server's",
            whole(2),
            Away(PROTOCOL_ERROR),
        ),
        (
            "5.1.1: a stream that is older",
            [whole(5), whole(3)].concat(),
            Blunt(STREAM_CLOSED),
        ),
        (
            "5.1.2: too many streams",
            opened.collect::<Vec<_>>().concat(),
            Reset(257, REFUSED_STREAM),
        ),
        (
            "5.3: priorities mean nothing",
            frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]),
            Fine,
        ),
        (
            "5.3: a priority behind itself",
            frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 1]),
            Either(PROTOCOL_ERROR),
        ),
        (
            "5.3: headers behind themselves",
            frame(
                HEADERS,
                ALL | WITH_PRIORITY,
                1,
                &[&[0, 0, 0, 1, 255][..], &with(&[])].concat(),
            ),
            Either(PROTOCOL_ERROR),
        ),
    ]
}

pub(super) fn frames() -> Vec<Case> {
    let four = 1_u32.to_be_bytes();
    vec![
        (
            "6.1: data of no stream",
            frame(DATA, 0, 0, b"x"),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.1: more padding than data",
            [open(1), frame(DATA, PADDED, 1, &[9, 0, 0])].concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.2: headers of no stream",
            frame(HEADERS, ALL, 0, &with(&[])),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.2: more padding than headers",
            frame(HEADERS, ALL | PADDED, 1, &[9, 0, 0]),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.2: headers too short for their priority",
            frame(HEADERS, ALL | WITH_PRIORITY, 1, &[0]),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.3: a priority of no stream",
            frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 1]),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.3: a short priority",
            frame(PRIORITY, 0, 1, &[0; 4]),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.4: a reset of no stream",
            frame(RST_STREAM, 0, 0, &four),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.4: a short reset",
            [open(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat(),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.5: an acknowledgement with settings",
            frame(SETTINGS, ACK, 0, &setting(3, 1)),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.5: settings of a stream",
            frame(SETTINGS, 0, 1, &setting(3, 1)),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.5: short settings",
            frame(SETTINGS, 0, 0, &[0; 3]),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.5.2: half a push",
            frame(SETTINGS, 0, 0, &setting(2, 2)),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.5.2: too large a window",
            frame(SETTINGS, 0, 0, &setting(4, 1 << 31)),
            Blunt(FLOW_CONTROL_ERROR),
        ),
        (
            "6.5.2: too small frames",
            frame(SETTINGS, 0, 0, &setting(5, 16_383)),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.5.2: too large frames",
            frame(SETTINGS, 0, 0, &setting(5, 1 << 24)),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.5.2: unknown settings",
            frame(SETTINGS, 0, 0, &setting(0xfa, 1)),
            Fine,
        ),
        (
            "6.6: a client pushes",
            [open(1), frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])].concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.7: a ping of a stream",
            frame(PING, 0, 1, &[0; 8]),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.7: a short ping",
            frame(PING, 0, 0, &[0; 6]),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.7: a pong that nobody has asked for",
            frame(PING, ACK, 0, &[0; 8]),
            Fine,
        ),
        (
            "6.8: leave of a stream",
            frame(GOAWAY, 0, 1, &[0; 8]),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.9: a window of nothing",
            frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.9: a stream's window of nothing",
            [open(1), frame(WINDOW_UPDATE, 0, 1, &[0; 4])].concat(),
            Either(PROTOCOL_ERROR),
        ),
        (
            "6.9: a short window",
            frame(WINDOW_UPDATE, 0, 0, &[0; 3]),
            Blunt(FRAME_SIZE_ERROR),
        ),
        (
            "6.9.1: too large a window",
            frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
            Away(FLOW_CONTROL_ERROR),
        ),
        (
            "6.9.1: too large a window of a stream",
            [
                open(1),
                frame(WINDOW_UPDATE, 0, 1, &0x7fff_ffff_u32.to_be_bytes()),
            ]
            .concat(),
            Reset(1, FLOW_CONTROL_ERROR),
        ),
        (
            "6.9.2: settings that make a window too large",
            [
                open(1),
                frame(WINDOW_UPDATE, 0, 1, &0x7fff_0000_u32.to_be_bytes()),
                frame(SETTINGS, 0, 0, &setting(4, 0x7fff_ffff)),
            ]
            .concat(),
            Away(FLOW_CONTROL_ERROR),
        ),
        (
            "6.10: a continuation of no stream",
            [
                frame(HEADERS, END_STREAM, 1, &block(&[METHOD])),
                frame(CONTINUATION, END_HEADERS, 0, &block(&[SCHEME])),
            ]
            .concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.10: a continuation of another stream",
            [
                frame(HEADERS, END_STREAM, 1, &block(&[METHOD])),
                frame(CONTINUATION, END_HEADERS, 3, &block(&[SCHEME])),
            ]
            .concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.10: a continuation behind data",
            [
                open(1),
                frame(DATA, 0, 1, b"x"),
                frame(CONTINUATION, END_HEADERS, 1, &block(&[("a", "b")])),
            ]
            .concat(),
            Away(PROTOCOL_ERROR),
        ),
        (
            "6.10: headers in pieces",
            [
                frame(HEADERS, END_STREAM, 1, &block(&[METHOD])),
                frame(CONTINUATION, 0, 1, &block(&[SCHEME])),
                frame(CONTINUATION, END_HEADERS, 1, &block(&[PATH, AUTHORITY])),
            ]
            .concat(),
            Fine,
        ),
    ]
}
