//! A worker: accepts connections and looks after them, and lets guests go on.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::accept::{Accepted, accept};
use super::access_log::{AccessLog, Visitor};
use super::arriving::{Next, take_request};
use super::connection::Connection;
use super::exchange::{Exchange, Outcome};
use super::offered::{Served, ServerTls, http2, load_tls};
use super::reply::Asked;
use super::request::LIMITS;
use super::response::own;
use super::settings::Settings;
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::h1::head::may_end;
use crate::host::http::transport::after_ns;
use crate::io::{self, Changes, Interest, Source, Task, sleep_until, spawn};
use crate::sys::fd::{AsFd, OwnedFd};
use crate::vm::children::{Signal, Signals};

/// A client that has not been greeted has so long when the server ends.
const LAST_GREETING_NS: u64 = 1_000_000_000;

/// Guests that are let go on before the event loop is asked again.
const GUESTS_A_TURN: u32 = 32;

/// A connection whose last request is no longer ago is in use: its next one may be on its way.
const IN_USE_NS: u64 = 1_000_000_000;

/// When the server ends, connections in use wait so long for a request that is on its way: what has
/// been sent behind the end of the connection could not be answered.
const LAST_CHANCE_NS: u64 = 200_000_000;

/// So soon do requests hear that their connection is gone.
const HEAR_NS: u64 = 1_000_000;

/// A client may take so long to see the end of its connection.
const LINGER_NS: u64 = 1_000_000_000;

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

/// What connections come from, and the task that accepts them.
type Listener = (Rc<Source<OwnedFd>>, Task);

/// What all connections of a worker share.
struct Worker {
    guests: Rc<dyn Guests>,
    settings: Settings,
    log: Option<Rc<AccessLog>>,
    tls: RefCell<Option<Rc<dyn ServerTls>>>,
    /// Tasks of connections, by number.
    connections: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<usize>>,
    /// Those that wait for a request, by number: they are woken when the worker ends.
    idle: RefCell<Vec<Option<Waker>>>,
    ending: Rc<Cell<bool>>,
    /// Who waits for the last connection to end.
    waiting: Cell<Option<Waker>>,
}

/// Serves until a signal says to end: whether all requests have ended by themselves.
pub(super) fn serve(
    listeners: Vec<OwnedFd>,
    guests: Rc<dyn Guests>,
    settings: &Settings,
    tls: Option<Rc<dyn ServerTls>>,
) -> bool {
    // The parent could open the same a moment ago.
    let log = settings.access_log.as_ref();
    let log = log.and_then(|log| AccessLog::new(log).ok());
    if let Some(log) = &log {
        spawn(Rc::clone(log).write_all()).detach();
    }
    let worker = Rc::new(Worker {
        guests: Rc::clone(&guests),
        settings: settings.clone(),
        log,
        tls: RefCell::new(tls),
        connections: RefCell::default(),
        free: RefCell::default(),
        idle: RefCell::default(),
        ending: Rc::default(),
        waiting: Cell::new(None),
    });
    let listeners: Vec<Listener> = listeners
        .into_iter()
        .map(|listener| {
            let listener = Rc::new(Source::new(listener));
            let accepting = spawn(accept_all(Rc::clone(&listener), Rc::clone(&worker)));
            (listener, accepting)
        })
        .collect();
    let over = Rc::new(Cell::new(None));
    let ended = Rc::clone(&over);
    let grace_ns = settings.grace_ns;
    spawn(async move {
        let clean = worker.until_the_end(listeners, grace_ns).await;
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
    async fn until_the_end(self: &Rc<Self>, listeners: Vec<Listener>, grace_ns: u64) -> bool {
        let Ok(signals) = Signals::new(self.settings.has_files()) else {
            return false;
        };
        let signals = Rc::new(Source::new(signals));
        let mut changes = Changes::new(signals.handle(), Interest::Readable);
        poll_fn(|cx| {
            loop {
                match signals.next() {
                    Some(Signal::End) => return Poll::Ready(()),
                    Some(Signal::Reload) => self.reload(),
                    Some(Signal::Child) => {}
                    None => ready!(changes.poll(cx)),
                }
            }
        })
        .await;
        for (listener, accepting) in listeners {
            drop(accepting);
            // Whoever has connected already is not turned away.
            while let Accepted::Connection(fd) = accept(&listener) {
                self.begin(fd);
            }
        }
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
        if let Some(log) = &self.log {
            if !ended {
                // What is still going on is over, and is noted. Requests of HTTP/2 hear of it from
                // their connection.
                drop(self.connections.take());
                sleep_until(after_ns(HEAR_NS)).await;
            }
            log.write_last().await;
        }
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

    /// Takes the certificate that is in the files now, for connections that are to come, and the
    /// file that has the path of the log now.
    fn reload(&self) {
        if let Some(log) = &self.log {
            log.reopen();
        }
        let certificate = self.settings.certificate.as_deref();
        // The parent has just read them, and says what is wrong with them.
        if let Some(Ok(tls)) = certificate.map(load_tls) {
            self.tls.replace(Some(tls));
        }
    }

    /// Has connections close that have no request.
    fn end(&self) {
        self.ending.set(true);
        self.idle.take().into_iter().flatten().for_each(Waker::wake);
    }

    /// Notes who looks after a connection that waits for a request, or that it does not.
    fn set_idle(&self, number: usize, waker: Option<&Waker>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() <= number {
            idle.resize(number + 1, None);
        }
        if let Some(known) = idle.get_mut(number) {
            *known = waker.cloned();
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
            if let Some(visitor) = self.visitor(&fd) {
                visitor.note_refused(503);
            }
            if self.tls.borrow().is_some() {
                return;
            }
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

    async fn look_after(self: &Rc<Self>, number: usize, fd: OwnedFd) {
        let mut takes_http2 = http2().is_some();
        let visitor = self.visitor(&fd);
        let mut connection = Connection::new(fd);
        let tls = self.tls.borrow().clone();
        if let Some(tls) = tls {
            match self.secure(number, connection, tls).await {
                Some((secured, false)) => (connection, takes_http2) = (secured, false),
                Some((secured, true)) => {
                    return self.speak_http2(number, secured, visitor).await;
                }
                None => return,
            }
        }
        loop {
            let next = self.next(number, &mut connection, takes_http2).await;
            self.set_idle(number, None);
            let request = match next {
                Next::Request(request) => request,
                Next::Http2 => return self.speak_http2(number, connection, visitor).await,
                Next::Gone => return,
                Next::Silent => return close(connection).await,
                Next::Refused(status) => {
                    if let Some(visitor) = &visitor {
                        visitor.note_refused(status);
                    }
                    return refuse(connection, status).await;
                }
            };
            takes_http2 = false;
            let note = visitor.as_ref();
            let note = note.map(|visitor| visitor.note_request(&request.head, request.version()));
            let ending = Rc::clone(&self.ending);
            let (mut exchange, asked) =
                Exchange::new(connection, request, &self.settings, ending, note);
            self.take(asked);
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

impl Worker {
    /// Waits for the next request of a connection. When the server ends, it waits no longer than it
    /// takes a request that is on its way to come.
    async fn next(&self, number: usize, connection: &mut Connection, takes_http2: bool) -> Next {
        let since_ns = now_ns(Clock::Monotonic);
        let settings = &self.settings;
        let mut deadline = pin!(sleep_until(since_ns.saturating_add(settings.idle_ns)));
        let mut has_begun = false;
        let mut is_last = false;
        let mut seen = 0;
        poll_fn(|cx| {
            loop {
                let bytes = connection.buffer.bytes();
                if may_end(bytes, seen, LIMITS)
                    && let Some(next) = take_request(connection, settings, takes_http2)
                {
                    return Poll::Ready(next);
                }
                seen = connection.buffer.bytes().len();
                if !connection.buffer.is_empty() && !has_begun {
                    has_begun = true;
                    deadline.set(sleep_until(after_ns(settings.head_ns)));
                }
                match connection.buffer.poll_fill(cx, &mut *connection.transport) {
                    Poll::Ready(Ok(1..)) => continue,
                    Poll::Ready(Ok(0)) if has_begun => return Poll::Ready(Next::Refused(400)),
                    Poll::Ready(_) => return Poll::Ready(Next::Gone),
                    Poll::Pending => {}
                }
                connection.buffer.shrink();
                if !self.ending.get() {
                    self.set_idle(number, Some(cx.waker()));
                } else if !has_begun && !is_last {
                    is_last = true;
                    let now = now_ns(Clock::Monotonic);
                    let is_used = now.saturating_sub(since_ns) < IN_USE_NS;
                    let at_ns = if is_used { now + LAST_CHANCE_NS } else { now };
                    deadline.set(sleep_until(at_ns));
                }
                ready!(deadline.as_mut().poll(cx));
                return Poll::Ready(match has_begun {
                    true => Next::Refused(408),
                    false => Next::Silent,
                });
            }
        })
        .await
    }

    /// Greets a client by TLS: the connection, and whether it is one of HTTP/2.
    async fn secure(
        &self,
        number: usize,
        connection: Connection,
        tls: Rc<dyn ServerTls>,
    ) -> Option<(Connection, bool)> {
        let mut greeting = tls.secure(connection.transport);
        let mut limit = pin!(sleep_until(after_ns(self.settings.head_ns)));
        let mut is_ending = false;
        let secured = poll_fn(|cx| {
            if let Poll::Ready(secured) = greeting.as_mut().poll(cx) {
                return Poll::Ready(secured.ok());
            }
            if !is_ending && self.poll_ending(number, cx).is_ready() {
                is_ending = true;
                limit.set(sleep_until(after_ns(LAST_GREETING_NS)));
            }
            limit.as_mut().poll(cx).map(|()| None)
        });
        let secured = secured.await?;
        self.set_idle(number, None);
        let connection = Connection {
            transport: secured.transport,
            buffer: connection.buffer,
            is_secure: true,
        };
        Some((connection, secured.by_http2))
    }

    /// Has a guest answer.
    fn take(&self, mut asked: Asked) {
        let headers = &self.settings.headers;
        if !headers.is_empty() {
            asked.head.fields = asked.head.fields.replaced(headers);
        }
        self.guests.take(asked);
    }

    fn visitor(&self, fd: &OwnedFd) -> Option<Visitor> {
        let log = self.log.as_ref();
        log.map(|log| Visitor::new(log, fd.as_fd()))
    }

    async fn speak_http2(
        self: &Rc<Self>,
        number: usize,
        connection: Connection,
        visitor: Option<Visitor>,
    ) {
        let Some(speak) = http2() else {
            return;
        };
        let worker = Rc::clone(self);
        let place = Place {
            worker,
            number,
            visitor,
        };
        speak(connection, Rc::new(place)).await;
        self.set_idle(number, None);
    }

    fn poll_ending(&self, number: usize, cx: &mut Context<'_>) -> Poll<()> {
        if self.ending.get() {
            return Poll::Ready(());
        }
        self.set_idle(number, Some(cx.waker()));
        Poll::Pending
    }
}

/// A connection's place with its worker.
struct Place {
    worker: Rc<Worker>,
    number: usize,
    visitor: Option<Visitor>,
}

impl Served for Place {
    fn settings(&self) -> &Settings {
        &self.worker.settings
    }

    fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_ref()
    }

    fn take(&self, asked: Asked) {
        self.worker.take(asked);
    }

    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.worker.poll_ending(self.number, cx)
    }
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

/// Closes when the client has, or does not within a while: closing with bytes unread, or while some
/// are on their way, would take the answer back.
async fn close(mut connection: Connection) {
    connection.transport.end_writing();
    let mut limit = pin!(sleep_until(after_ns(LINGER_NS)));
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
