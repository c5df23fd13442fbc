//! Heads of responses, and responses that the server gives by itself.

use std::cell::RefCell;

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::ResponseHead;
use crate::host::http::body::BodyReader;
use crate::host::http::h1::sending::{Outgoing, write_field, write_fields};
use crate::host::stat::NS_PER_S;

use super::request::Shape;
use crate::host::calendar::Date;

/// The head of a response, how its body is written, and whether the connection goes on.
pub(super) fn response_head(
    head: &ResponseHead,
    body: &BodyReader,
    shape: Shape,
) -> (Vec<u8>, Outgoing, bool) {
    let mut out = Vec::with_capacity(512);
    write_status(&mut out, head.status);
    let without_length = matches!(head.status, 100..=199 | 204);
    let bodyless = shape.is_head || without_length || head.status == 304;
    let mut fields = head.fields.to_mutable();
    if without_length {
        // It is no forbidden name, so that it can be taken out.
        let _ = fields.delete("content-length");
    }
    write_fields(&mut out, &fields);
    if !fields.has("date") {
        write_date(&mut out);
    }
    let mut keeps_alive = shape.keeps_alive;
    let outgoing = if bodyless {
        Outgoing::Nothing
    } else if fields.has("content-length") {
        Outgoing::Plain
    } else if let (Some(bytes), true) = (body.known_bytes(), body.is_complete_without_trailers()) {
        write_field(&mut out, "Content-Length", bytes.to_string().as_bytes());
        Outgoing::Plain
    } else if shape.minor > 0 {
        write_field(&mut out, "Transfer-Encoding", b"chunked");
        Outgoing::Chunked
    } else {
        keeps_alive = false;
        Outgoing::Plain
    };
    match (keeps_alive, shape.minor) {
        (false, _) => write_field(&mut out, "Connection", b"close"),
        (true, 0) => write_field(&mut out, "Connection", b"keep-alive"),
        (true, _) => {}
    }
    out.extend_from_slice(b"\r\n");
    (out, outgoing, keeps_alive)
}

/// An informational response.
pub(super) fn informational(head: &ResponseHead) -> Vec<u8> {
    let mut out = Vec::new();
    write_status(&mut out, head.status);
    write_fields(&mut out, &head.fields);
    out.extend_from_slice(b"\r\n");
    out
}

/// A response of the server's own, behind which the connection ends.
pub(super) fn own(status: u16, is_head: bool) -> Vec<u8> {
    let text = own_text(status);
    let mut out = Vec::new();
    write_status(&mut out, status);
    write_field(&mut out, "Content-Type", b"text/plain");
    write_field(
        &mut out,
        "Content-Length",
        text.len().to_string().as_bytes(),
    );
    write_date(&mut out);
    write_field(&mut out, "Connection", b"close");
    out.extend_from_slice(b"\r\n");
    if !is_head {
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// The body of such a response.
pub(in crate::host::http) fn own_text(status: u16) -> String {
    format!("{status} {}\n", reason(status))
}

fn write_status(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
}

/// What people read; nobody else does.
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

fn write_date(out: &mut Vec<u8>) {
    with_date(|date| write_field(out, "Date", date.as_bytes()));
}

/// Gives the time as RFC 9110, section 5.6.7, has it, which is made once a second.
pub(in crate::host::http) fn with_date<T>(then: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = now_ns(Clock::Realtime) / NS_PER_S;
    LAST.with_borrow_mut(|(at, text)| {
        if *at != now {
            (*at, *text) = (now, date_of(now));
        }
        then(text)
    })
}

fn date_of(seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let date = Date::of(seconds);
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        WEEKDAYS[(seconds / 86_400 % 7) as usize],
        date.day,
        date.month_name(),
        date.year,
        date.hour,
        date.minute,
        date.second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_of(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date_of(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(date_of(4_107_542_399), "Sun, 28 Feb 2100 23:59:59 GMT");
    }
}
