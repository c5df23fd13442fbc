//! A worker: accepts connections and looks after them, and lets guests go on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::accept::{Accepted, accept};
use super::connection::{Connection, after_ns};
use super::exchange::{Asked, Exchange, Outcome};
use super::request::{LIMITS, Request, check, refusal};
use super::response::own;
use super::settings::Settings;
use crate::host::http::h1::head;
use crate::io::{self, Changes, Interest, Source, Task, sleep_until, spawn};
use crate::vm::children::{Signal, Signals};

/// Guests that are let go on before the event loop is asked again.
const GUESTS_A_TURN: u32 = 32;

/// Those who answer requests.
pub trait Guests {
    /// Has a guest answer, now or when there is one that can.
    fn take(&self, asked: Asked);

    /// Lets a guest go on: whether there was one that could.
    fn go_on(&self) -> bool;

    /// There are no more requests. Guests that have none end.
    fn end(&self);

    /// Whether all have ended.
    fn are_done(&self) -> bool;
}

/// What all connections of a worker share.
struct Worker {
    guests: Rc<dyn Guests>,
    settings: Settings,
    /// Tasks of connections, by number.
    connections: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<usize>>,
    /// Those that wait for a request, and are woken when the worker ends.
    idle: RefCell<BTreeMap<usize, Waker>>,
    ending: Cell<bool>,
    /// Who waits for the last connection to end.
    waiting: Cell<Option<Waker>>,
}

/// Serves until a signal says to end: whether all requests have ended by themselves.
pub(super) fn serve(listener: OwnedFd, guests: Rc<dyn Guests>, settings: &Settings) -> bool {
    let worker = Rc::new(Worker {
        guests: Rc::clone(&guests),
        settings: settings.clone(),
        connections: RefCell::default(),
        free: RefCell::default(),
        idle: RefCell::default(),
        ending: Cell::new(false),
        waiting: Cell::new(None),
    });
    let listener = Rc::new(Source::new(listener));
    let accepting = spawn(accept_all(Rc::clone(&listener), Rc::clone(&worker)));
    let over = Rc::new(Cell::new(None));
    let ended = Rc::clone(&over);
    let grace_ns = settings.grace_ns;
    spawn(async move {
        let clean = worker.until_the_end(listener, accepting, grace_ns).await;
        ended.set(Some(clean));
    })
    .detach();
    loop {
        if let Some(clean) = over.get() {
            return clean;
        }
        let mut guests_left = GUESTS_A_TURN;
        while guests_left > 0 {
            // What a guest has said is sent before another one goes on.
            io::run_tasks();
            if !guests.go_on() {
                break;
            }
            guests_left -= 1;
        }
        io::turn(guests_left > 0);
    }
}

async fn accept_all(listener: Rc<Source<OwnedFd>>, worker: Rc<Worker>) {
    let mut changes = Changes::new(listener.handle(), Interest::Readable);
    loop {
        let accepted = poll_fn(|cx| {
            loop {
                match accept(&listener) {
                    Accepted::None => ready!(changes.poll(cx)),
                    accepted => return Poll::Ready(accepted),
                }
            }
        });
        match accepted.await {
            Accepted::Connection(fd) => worker.begin(fd),
            Accepted::None => {}
            Accepted::NoRoom => sleep_until(after_ns(50_000_000)).await,
        }
    }
}

impl Worker {
    /// Waits for a signal that says so, and then for whatever goes on: whether all has ended in
    /// time.
    async fn until_the_end(
        self: &Rc<Self>,
        listener: Rc<Source<OwnedFd>>,
        accepting: Task,
        grace_ns: u64,
    ) -> bool {
        let Ok(signals) = Signals::new() else {
            return false;
        };
        let signals = Rc::new(Source::new(signals));
        let mut changes = Changes::new(signals.handle(), Interest::Readable);
        poll_fn(|cx| {
            loop {
                match signals.next() {
                    Some(Signal::End) => return Poll::Ready(()),
                    Some(_) => {}
                    None => ready!(changes.poll(cx)),
                }
            }
        })
        .await;
        drop(accepting);
        // Whoever has connected already is not turned away.
        while let Accepted::Connection(fd) = accept(&listener) {
            self.begin(fd);
        }
        drop(listener);
        self.end();
        let mut limit = pin!(sleep_until(after_ns(grace_ns)));
        let ended = poll_fn(|cx| {
            self.waiting.set(Some(cx.waker().clone()));
            if self.connections.borrow().iter().all(Option::is_none) {
                return Poll::Ready(true);
            }
            limit.as_mut().poll(cx).map(|()| false)
        });
        let ended = ended.await;
        self.guests.end();
        while ended && !self.guests.are_done() {
            let soon = sleep_until(after_ns(1_000_000));
            let mut soon = pin!(soon);
            let timely = poll_fn(|cx| match limit.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => soon.as_mut().poll(cx).map(|()| true),
            });
            if !timely.await {
                return false;
            }
        }
        ended
    }

    /// Has connections close that have no request.
    fn end(&self) {
        self.ending.set(true);
        for waker in self.idle.take().into_values() {
            waker.wake();
        }
    }

    /// Looks after a connection.
    fn begin(self: &Rc<Self>, fd: OwnedFd) {
        let number = self.free.borrow_mut().pop();
        let number = number.unwrap_or_else(|| {
            self.connections.borrow_mut().push(None);
            self.connections.borrow().len() - 1
        });
        if number >= self.settings.connections_max {
            self.free.borrow_mut().push(number);
            // A client that does not take it at once does without.
            let mut connection = Connection::new(fd);
            let cx = &mut Context::from_waker(Waker::noop());
            let _ = connection.transport.poll_write(cx, &own(503, false));
            return connection.transport.end_writing();
        }
        let worker = Rc::clone(self);
        let task = spawn(async move {
            worker.look_after(number, fd).await;
            worker.forget(number);
        });
        if let Some(place) = self.connections.borrow_mut().get_mut(number) {
            *place = Some(task);
        }
    }

    fn forget(&self, number: usize) {
        let task = self
            .connections
            .borrow_mut()
            .get_mut(number)
            .and_then(Option::take);
        if let Some(task) = task {
            // It is the one that runs now, and it is over.
            task.detach();
        }
        self.free.borrow_mut().push(number);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    async fn look_after(&self, number: usize, fd: OwnedFd) {
        let mut connection = Connection::new(fd);
        loop {
            let request = {
                let mut next = pin!(next_request(&mut connection, &self.settings));
                // Even at the end, a request that has come already is answered.
                poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Pending if self.ending.get() => Poll::Ready(Ok(None)),
                    Poll::Pending => {
                        let waker = cx.waker().clone();
                        self.idle.borrow_mut().insert(number, waker);
                        Poll::Pending
                    }
                    request => request,
                })
                .await
            };
            self.idle.borrow_mut().remove(&number);
            let request = match request {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(status) => return refuse(connection, status).await,
            };
            let (mut exchange, asked) = Exchange::new(connection, request, &self.settings);
            self.guests.take(asked);
            let outcome = (&mut exchange).await;
            connection = exchange.connection;
            match outcome {
                Outcome::Next => {}
                Outcome::Close => return close(connection).await,
                Outcome::Abort => return connection.transport.abort(),
            }
        }
    }
}

/// The next request of a connection; nothing at its end.
async fn next_request(
    connection: &mut Connection,
    settings: &Settings,
) -> Result<Option<Request>, u16> {
    let mut deadline = pin!(sleep_until(after_ns(settings.idle_ns)));
    let mut has_begun = false;
    poll_fn(|cx| {
        loop {
            match head::request(connection.buffer.bytes(), LIMITS) {
                Err(malformed) => return Poll::Ready(Err(refusal(malformed))),
                Ok(Some(head)) => {
                    connection.buffer.consume(head.bytes);
                    let request = check(head)?;
                    let fits = |max| request.framing.fits(max);
                    return Poll::Ready(match settings.body_bytes_max.is_none_or(fits) {
                        true => Ok(Some(request)),
                        false => Err(413),
                    });
                }
                Ok(None) => {}
            }
            if !connection.buffer.is_empty() && !has_begun {
                has_begun = true;
                deadline.set(sleep_until(after_ns(settings.head_ns)));
            }
            match connection.buffer.poll_fill(cx, &mut *connection.transport) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) if connection.buffer.is_empty() => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(400)),
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(None)),
                Poll::Pending => {
                    connection.buffer.shrink();
                    ready!(deadline.as_mut().poll(cx));
                    return Poll::Ready(match has_begun {
                        true => Err(408),
                        false => Ok(None),
                    });
                }
            }
        }
    })
    .await
}

/// The server's own answer, behind which the connection ends.
async fn refuse(mut connection: Connection, status: u16) {
    let out = own(status, false);
    let mut rest = &*out;
    while !rest.is_empty() {
        match poll_fn(|cx| connection.transport.poll_write(cx, rest)).await {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(_) => return,
        }
    }
    close(connection).await;
}

/// Closes when the client has, or does not within a second: closing with bytes unread would take
/// the answer back.
async fn close(mut connection: Connection) {
    connection.transport.end_writing();
    let mut limit = pin!(sleep_until(after_ns(1_000_000_000)));
    poll_fn(|cx| {
        loop {
            let mut some = [0; 4096];
            match connection.transport.poll_read(cx, &mut some) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return limit.as_mut().poll(cx),
            }
        }
    })
    .await;
}
