//! Waiting for things of any kind while the futures of this thread go on: for programs some of
//! whose events are not the system's.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Ended, Event, Ready, Sleep, Wanted, block_on, ready, sleep_until};

/// One of the things that are waited for.
enum Wait {
    Now,
    Time(Sleep),
    Ready(Ready),
    Event(Rc<dyn Event>),
}

impl Wait {
    fn new(wanted: &Wanted) -> Wait {
        match wanted {
            Wanted::Now => Wait::Now,
            Wanted::Time { at_ns } => Wait::Time(sleep_until(*at_ns)),
            Wanted::Ready(handle, interest) => Wait::Ready(ready(handle.clone(), *interest)),
            Wanted::Event(event) => Wait::Event(Rc::clone(event)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Wait::Now => Poll::Ready(()),
            Wait::Time(sleep) => Pin::new(sleep).poll(cx),
            Wait::Ready(ready) => Pin::new(ready).poll(cx),
            Wait::Event(event) => event.poll(cx),
        }
    }
}

/// As [`super::wait_any`], with events.
///
/// # Errors
/// Why nothing can happen any more.
pub fn wait_any_driving(wanted: &[Wanted]) -> Result<Vec<usize>, Ended> {
    let mut waits: Vec<Wait> = wanted.iter().map(Wait::new).collect();
    block_on(|cx| {
        let polled = waits.iter_mut().map(|wait| wait.poll(cx).is_ready());
        let happened = polled.enumerate().filter(|(_, ready)| *ready);
        let happened: Vec<usize> = happened.map(|(index, _)| index).collect();
        match happened.is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(happened),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::io::script::Script;

    struct Flag(Cell<bool>);

    impl Event for Flag {
        fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
            match self.0.get() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }
    }

    #[test]
    fn events_are_waited_for_beside_times() {
        let _script = Script::start();
        let flag = Rc::new(Flag(Cell::new(false)));
        let event = Wanted::Event(Rc::clone(&flag) as Rc<dyn Event>);
        let soon = Wanted::Time {
            at_ns: Script::ns(5),
        };
        assert_eq!(
            wait_any_driving(&[event.clone(), soon.clone()]),
            Ok(vec![1])
        );
        assert_eq!(Script::ms(), 5);
        assert_eq!(
            wait_any_driving(std::slice::from_ref(&event)),
            Err(Ended::Deadlock),
            "nobody does it"
        );
        flag.0.set(true);
        assert_eq!(wait_any_driving(&[event, soon]), Ok(vec![0, 1]));
    }
}
