//! TLS towards servers: whom they have to be, and who may say so.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::{H2, Tls, roots};
use crate::host::http::client::{Connection, Securing, Way, set_secure};
use crate::host::http::h2::client::Session;
use crate::host::http::transport::Transport;
use crate::host::http::{ErrorCode, Result};

thread_local! {
    /// Made for the first connection of requests; it remembers sessions.
    static CONFIG: OnceCell<Result<Arc<ClientConfig>>> = const { OnceCell::new() };

    /// The same for others, whose protocol nobody asks for.
    static PLAIN: OnceCell<Result<Arc<ClientConfig>>> = const { OnceCell::new() };
}

/// From now on, requests of this thread can go to servers with TLS.
pub fn provide() {
    set_secure(secure);
}

fn secure(below: Box<dyn Transport>, host: &str) -> Securing {
    let session = session(host);
    Box::pin(async move {
        let tls = Tls::open(session?, below).await?;
        let by_h2 = tls.session.alpn_protocol() == Some(H2);
        let tls = Box::new(tls);
        Ok(match by_h2 {
            true => Way::Shared(Rc::new(Session::open(tls).await?)),
            false => Way::Own(Connection::new(tls)),
        })
    })
}

fn session(host: &str) -> Result<ClientConnection> {
    let make = || config_of_process(&[H2, b"http/1.1"]);
    let config = CONFIG.with(|config| config.get_or_init(make).clone())?;
    let name = server_name(host).ok_or(ErrorCode::HttpRequestUriInvalid)?;
    ClientConnection::new(config, name).map_err(|_| ErrorCode::TlsProtocolError)
}

/// A connection with a server of this name, whatever is spoken there.
///
/// # Errors
/// Why the two do not get on.
pub async fn open(below: Box<dyn Transport>, server: &str) -> Result<Tls<ClientConnection>> {
    Tls::open(session_of(server)?, below).await
}

/// What has such a connection on one side.
///
/// # Errors
/// That there is none of this name, or nobody whose certificates are believed.
pub fn session_of(server: &str) -> Result<ClientConnection> {
    let config = PLAIN.with(|config| config.get_or_init(|| config_of_process(&[])).clone())?;
    // No certificate is for what is no name.
    let name = server_name(server).ok_or(ErrorCode::TlsCertificateError)?;
    ClientConnection::new(config, name).map_err(|_| ErrorCode::TlsProtocolError)
}

fn config_of_process(protocols: &[&[u8]]) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ErrorCode::ConfigurationError)?;
    let mut config = builder
        .with_root_certificates(roots::of_process()?)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The name that the server's certificate has to have: that of the host, which may be an address
/// in brackets, or end with the dot that certificates do without.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = literal.unwrap_or(host).parse::<IpAddr>() {
        return Some(ServerName::IpAddress(address.into()));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    ServerName::try_from(name.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_the_name_or_the_address_that_was_asked_for() {
        let name = |host| server_name(host).map(|name| name.to_str().into_owned());
        for (host, expected) in [
            ("a.example", "a.example"),
            ("a.example.", "a.example"),
            ("a_b.example", "a_b.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(name(host).as_deref(), Some(expected), "{host}");
        }
        for host in ["", ".", "a%20b", "-"] {
            assert_eq!(name(host), None, "{host}");
        }
    }
}
