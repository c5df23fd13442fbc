//! Waiting for sockets, by `select`, which tells of connections that have failed on every version of
//! Windows, as `WSAPoll` does not.

use std::ptr::null_mut;
use std::time::Duration;

use windows_sys::Win32::Networking::WinSock::{FD_SET, SOCKET, TIMEVAL, select};

use super::super::socket::{Asked, Directions, handle};

/// The layout of `FD_SET`, with room for any number of sockets: how many, and then they.
struct Set(Vec<SOCKET>);

impl Set {
    fn of(asked: &[Asked], is_wanted: fn(&Directions) -> bool) -> Set {
        let mut words = vec![0];
        let sockets = asked.iter().filter(|one| is_wanted(&one.wanted));
        words.extend(sockets.map(|one| handle(one.fd).cast_unsigned()));
        let count = words.len() - 1;
        words[0] = count;
        Set(words)
    }

    fn sockets(&self) -> &[SOCKET] {
        // The system writes the lower half of the first word.
        let count = self.0.first().map_or(0, |first| *first as u32 as usize);
        self.0.get(1..=count).unwrap_or_default()
    }

    fn start(&mut self) -> *mut FD_SET {
        if self.sockets().is_empty() {
            return null_mut();
        }
        self.0.as_mut_ptr().cast()
    }
}

/// See `Calls::wait`.
pub(super) fn wait(asked: &mut [Asked], longest: Duration) {
    let mut reading = Set::of(asked, |wanted| wanted.reading);
    let mut writing = Set::of(asked, |wanted| wanted.writing);
    // A connection that has failed; urgent data, which nobody sends, is told there, too.
    let mut failed = Set::of(asked, |wanted| wanted.writing);
    let timeout = TIMEVAL {
        tv_sec: i32::try_from(longest.as_secs()).unwrap_or(i32::MAX),
        tv_usec: longest.subsec_micros().cast_signed(),
    };
    // SAFETY: each set has as many sockets as it says, which are open.
    let count = unsafe {
        select(
            0,
            reading.start(),
            writing.start(),
            failed.start(),
            &raw const timeout,
        )
    };
    if count == 0 {
        return;
    }
    for one in asked {
        let socket = handle(one.fd).cast_unsigned();
        let is_in = |set: &Set| count > 0 && set.sockets().contains(&socket);
        // Where the system refuses to wait, using it tells why.
        let has_failed = count < 0 || one.wanted.writing && is_in(&failed);
        one.found = Directions {
            reading: one.wanted.reading && is_in(&reading),
            writing: one.wanted.writing && (has_failed || is_in(&writing)),
            failed: has_failed,
        };
    }
}
