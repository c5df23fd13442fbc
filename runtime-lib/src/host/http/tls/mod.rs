//! TLS over a connection, whichever side this is: rustls, with the cryptography of ring.
//!
//! rustls neither reads nor writes; here its records go through the [`Transport`] below.

pub mod client;
mod roots;
pub mod server;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::ops::DerefMut;
use std::task::{Context, Poll, Waker, ready};

use rustls::{ConnectionCommon, SideData};

use super::transport::Transport;
use super::{ErrorCode, Result, TlsAlertReceivedPayload};
use crate::host::{self, Error};

/// The name of HTTP/2 over TLS (RFC 9113, section 3.1).
const H2: &[u8] = b"h2";

/// A connection with TLS.
pub struct Tls<C> {
    session: C,
    below: Box<dyn Transport>,
    /// What TLS found wrong.
    failure: Option<ErrorCode>,
}

impl<C, D> Tls<C>
where
    C: DerefMut<Target = ConnectionCommon<D>>,
    D: SideData,
{
    /// Greets the other side.
    ///
    /// # Errors
    /// Why the two did not get on.
    pub async fn open(session: C, below: Box<dyn Transport>) -> Result<Tls<C>> {
        let mut tls = Tls {
            session,
            below,
            failure: None,
        };
        poll_fn(|cx| tls.poll_handshake(cx)).await?;
        Ok(tls)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let done = match ready!(self.poll_flush(cx)) {
                Ok(()) if !self.session.is_handshaking() => return Poll::Ready(Ok(())),
                Ok(()) => ready!(self.poll_receive(cx)),
                Err(error) => Err(error),
            };
            if !matches!(done, Ok(1..)) {
                let failure = self.failure.clone();
                return Poll::Ready(Err(failure.unwrap_or(ErrorCode::ConnectionTerminated)));
            }
        }
    }

    /// Takes in what has come: how many bytes, none at the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<host::Result<usize>> {
        let mut wire = Wire::new(&mut *self.below, cx);
        let read = self.session.read_tls(&mut wire);
        let count = ready!(wire.outcome(read))?;
        if let Err(error) = self.session.process_new_packets() {
            self.failure = Some(error_code(&error));
            // The alert that tells the other side; if it has to wait, there is none.
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(Error::ConnectionAborted));
        }
        Poll::Ready(Ok(count))
    }

    /// Hands records to the system until there are no more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<host::Result<()>> {
        while self.session.wants_write() {
            let mut wire = Wire::new(&mut *self.below, cx);
            let written = self.session.write_tls(&mut wire);
            if let Err(error) = ready!(wire.outcome(written)) {
                self.hear_why(cx);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whoever takes nothing any more may have said why: notes the alert, if it has come.
    fn hear_why(&mut self, cx: &mut Context<'_>) {
        while self.failure.is_none() {
            let mut wire = Wire::new(&mut *self.below, cx);
            let read = self.session.read_tls(&mut wire);
            if !matches!(wire.outcome(read), Poll::Ready(Ok(1..))) {
                return;
            }
            let processed = self.session.process_new_packets();
            self.failure = processed.err().map(|error| error_code(&error));
        }
    }
}

impl<C, D> Transport for Tls<C>
where
    C: DerefMut<Target = ConnectionCommon<D>>,
    D: SideData,
{
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<host::Result<usize>> {
        loop {
            match self.session.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Without the alert that says so, the end is not the other side's.
                read => return Poll::Ready(read.map_err(|_| Error::ConnectionReset)),
            }
            ready!(self.poll_receive(cx))?;
            // What came may want an answer, such as new keys; it need not be waited for.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<host::Result<usize>> {
        self.poll_write_pieces(cx, &[from])
    }

    fn poll_write_pieces(
        &mut self,
        cx: &mut Context<'_>,
        from: &[&[u8]],
    ) -> Poll<host::Result<usize>> {
        // What was taken before goes first, so that there is never more than one buffer of it.
        ready!(self.poll_send(cx))?;
        let pieces: Vec<IoSlice<'_>> = from.iter().map(|piece| IoSlice::new(piece)).collect();
        let taken = self.session.writer().write_vectored(&pieces);
        let count = taken.map_err(|_| Error::Io)?;
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<host::Result<()>> {
        ready!(self.poll_send(cx))?;
        self.below.poll_flush(cx)
    }

    fn end_writing(&mut self) {
        self.session.send_close_notify();
        // If the system does not take that at once, the other side sees the end without it.
        let _ = self.poll_send(&mut Context::from_waker(Waker::noop()));
        self.below.end_writing();
    }

    fn abort(&mut self) {
        self.below.abort();
    }

    fn failure(&self) -> Option<ErrorCode> {
        self.failure.clone()
    }
}

/// A transport as the standard library's traits have it.
struct Wire<'a, 'b> {
    below: &'a mut dyn Transport,
    cx: &'a mut Context<'b>,
    error: Option<Error>,
}

impl<'a, 'b> Wire<'a, 'b> {
    fn new(below: &'a mut dyn Transport, cx: &'a mut Context<'b>) -> Wire<'a, 'b> {
        Wire {
            below,
            cx,
            error: None,
        }
    }

    fn told(&mut self, polled: Poll<host::Result<usize>>) -> std::io::Result<usize> {
        match polled {
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
            Poll::Ready(Ok(count)) => Ok(count),
            Poll::Ready(Err(error)) => {
                self.error = Some(error);
                Err(ErrorKind::Other.into())
            }
        }
    }

    /// What a call that used this has come to.
    fn outcome(self, result: std::io::Result<usize>) -> Poll<host::Result<usize>> {
        match (result, self.error) {
            (Ok(count), _) => Poll::Ready(Ok(count)),
            (Err(_), Some(error)) => Poll::Ready(Err(error)),
            (Err(error), None) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            (Err(_), None) => Poll::Ready(Err(Error::Io)),
        }
    }
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let polled = self.below.poll_read(self.cx, into);
        self.told(polled)
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        let polled = self.below.poll_write(self.cx, from);
        self.told(polled)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What it is for `wasi:http`.
#[must_use]
pub fn error_code(error: &rustls::Error) -> ErrorCode {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(_) | E::NoCertificatesPresented => ErrorCode::TlsCertificateError,
        E::AlertReceived(alert) => ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        }),
        _ => ErrorCode::TlsProtocolError,
    }
}
