//! Messages, section 8, and how their fields are compressed, RFC 7541.

use super::Heard::{Blunt, Either, Fine, Refused, Reset};
use super::*;

pub(super) fn messages() -> Vec<Case> {
    let malformed = Reset(1, PROTOCOL_ERROR);
    let length = |text| frame(HEADERS, END_HEADERS, 1, &with(&[("content-length", text)]));
    let data = |flags, text: &str| frame(DATA, flags, 1, text.as_bytes());
    vec![
        (
            "8.1: trailers that do not end the stream",
            [
                open(1),
                frame(HEADERS, END_HEADERS, 1, &block(&[("a", "b")])),
            ]
            .concat(),
            malformed,
        ),
        (
            "8.1: trailers",
            [open(1), frame(HEADERS, ALL, 1, &block(&[("a", "b")]))].concat(),
            Fine,
        ),
        (
            "8.1.1: a length that is not reached",
            [length("2"), data(END_STREAM, "x")].concat(),
            malformed,
        ),
        (
            "8.1.1: a length that is exceeded",
            [length("2"), data(0, "x"), data(END_STREAM, "yz")].concat(),
            malformed,
        ),
        (
            "8.1.1: a length and no data",
            fields(&[&REQUEST[..], &[("content-length", "1")]].concat()),
            malformed,
        ),
        (
            "8.1.1: two lengths",
            fields(
                &[
                    &REQUEST[..],
                    &[("content-length", "0"), ("content-length", "1")],
                ]
                .concat(),
            ),
            malformed,
        ),
        (
            "8.1.1: a length that is none",
            fields(&[&REQUEST[..], &[("content-length", "+0")]].concat()),
            malformed,
        ),
        (
            "8.2.1: a name in upper case",
            fields(&[&REQUEST[..], &[("X-Name", "v")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.2.1: a space in a name",
            fields(&[&REQUEST[..], &[("x name", "v")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.2.1: no name",
            fields(&[&REQUEST[..], &[("", "v")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.2.1: the end of a line in a value",
            fields(&[&REQUEST[..], &[("x", "a\r\nb: c")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.2.1: a null in a value",
            fields(&[&REQUEST[..], &[("x", "a\0")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.2.1: a space before a value",
            fields(&[&REQUEST[..], &[("x", " a")]].concat()),
            Refused,
        ),
        (
            "8.2.1: a tab behind a value",
            fields(&[&REQUEST[..], &[("x", "a\t")]].concat()),
            Refused,
        ),
        (
            "8.2.1: a space within a value",
            fields(&[&REQUEST[..], &[("x", "a b")]].concat()),
            Fine,
        ),
        (
            "8.2.2: connection",
            fields(&[&REQUEST[..], &[("connection", "close")]].concat()),
            malformed,
        ),
        (
            "8.2.2: keep-alive",
            fields(&[&REQUEST[..], &[("keep-alive", "x")]].concat()),
            malformed,
        ),
        (
            "8.2.2: proxy-connection",
            fields(&[&REQUEST[..], &[("proxy-connection", "x")]].concat()),
            malformed,
        ),
        (
            "8.2.2: transfer-encoding",
            fields(&[&REQUEST[..], &[("transfer-encoding", "chunked")]].concat()),
            malformed,
        ),
        (
            "8.2.2: upgrade",
            fields(&[&REQUEST[..], &[("upgrade", "h2c")]].concat()),
            malformed,
        ),
        (
            "8.2.2: te",
            fields(&[&REQUEST[..], &[("te", "gzip")]].concat()),
            malformed,
        ),
        (
            "8.2.2: te with trailers",
            fields(&[&REQUEST[..], &[("te", "trailers")]].concat()),
            Fine,
        ),
        (
            "8.3: an unknown name with a colon",
            fields(&[&REQUEST[..], &[(":x", "v")]].concat()),
            Either(PROTOCOL_ERROR),
        ),
        (
            "8.3: a status in a request",
            fields(&[&REQUEST[..], &[(":status", "200")]].concat()),
            malformed,
        ),
        (
            "8.3: a method behind fields",
            fields(&[SCHEME, PATH, AUTHORITY, ("a", "b"), METHOD]),
            malformed,
        ),
        (
            "8.3: a path among trailers, which nobody sees",
            [open(1), frame(HEADERS, ALL, 1, &block(&[PATH]))].concat(),
            Fine,
        ),
        (
            "8.3.1: no method",
            fields(&[SCHEME, PATH, AUTHORITY]),
            malformed,
        ),
        (
            "8.3.1: no scheme",
            fields(&[METHOD, PATH, AUTHORITY]),
            malformed,
        ),
        (
            "8.3.1: an empty path",
            fields(&[METHOD, SCHEME, (":path", ""), AUTHORITY]),
            malformed,
        ),
        (
            "8.3.1: two methods",
            fields(&[&REQUEST[..], &[METHOD]].concat()),
            malformed,
        ),
        (
            "8.3.1: two schemes",
            fields(&[&REQUEST[..], &[SCHEME]].concat()),
            malformed,
        ),
        (
            "8.3.1: two paths",
            fields(&[&REQUEST[..], &[PATH]].concat()),
            malformed,
        ),
        (
            "8.3.1: two authorities",
            fields(&[&REQUEST[..], &[AUTHORITY]].concat()),
            malformed,
        ),
        (
            "8.3.1: no authority",
            fields(&[METHOD, SCHEME, PATH]),
            Refused,
        ),
        (
            "8.3.1: a host in its place",
            fields(&[METHOD, SCHEME, PATH, ("host", "b")]),
            Fine,
        ),
        (
            "8.3.1: another host",
            fields(&[&REQUEST[..], &[("host", "b")]].concat()),
            Refused,
        ),
        (
            "8.3.1: a user",
            fields(&[METHOD, SCHEME, PATH, (":authority", "u@a")]),
            Refused,
        ),
        (
            "8.5: a tunnel with a path",
            fields(&[(":method", "CONNECT"), PATH, (":authority", "a:1")]),
            malformed,
        ),
        (
            "8.5: a tunnel with a scheme",
            fields(&[(":method", "CONNECT"), SCHEME, (":authority", "a:1")]),
            malformed,
        ),
        (
            "8.5: a tunnel without an authority",
            fields(&[(":method", "CONNECT"), ("host", "a:1")]),
            Refused,
        ),
        (
            "8.5: a tunnel with a protocol",
            fields(&[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                SCHEME,
                PATH,
                AUTHORITY,
            ]),
            malformed,
        ),
    ]
}

pub(super) fn compression() -> Vec<Case> {
    let coded = |more: &[u8]| frame(HEADERS, ALL, 1, &[&with(&[]), more].concat());
    let wrong = Blunt(COMPRESSION_ERROR);
    vec![
        ("7541 6.1: the index 0", coded(&[0x80]), wrong),
        (
            "7541 2.3.3: an index of nothing",
            coded(&[0xbf + 16]),
            wrong,
        ),
        (
            "7541 5.1: an endless number",
            coded(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            wrong,
        ),
        (
            "7541 5.2: padding that is none",
            coded(&[0, 0x81, 0x40, 0x81, 0x60]),
            wrong,
        ),
        (
            "7541 5.2: padding with zeros",
            coded(&[0, 1, b'a', 0x81, 0]),
            wrong,
        ),
        (
            "7541 5.2: an end within a text",
            coded(&[0, 1, b'a', 0x84, 255, 255, 255, 255]),
            wrong,
        ),
        (
            "7541 5.2: a text that is cut off",
            coded(&[0, 1, b'a', 9, b'b']),
            wrong,
        ),
        (
            "7541 6.3: a table beyond the limit",
            frame(
                HEADERS,
                ALL,
                1,
                &[&[0x3f, 0xe2, 0x1f][..], &with(&[])].concat(),
            ),
            wrong,
        ),
        (
            "7541 4.2: the table's size behind fields",
            coded(&[0x20]),
            wrong,
        ),
    ]
}
