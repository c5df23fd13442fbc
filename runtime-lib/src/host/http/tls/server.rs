//! TLS of servers: a certificate with its key, and which protocols a client can have.

use std::fs;
use std::rc::Rc;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, ServerConfig, ServerConnection};

use super::{H2, Tls};
use crate::host::http::server::settings::Certificate;
use crate::host::http::server::{Secured, Securing, ServerTls, offer_tls};
use crate::host::http::transport::Transport;
use crate::host::http::{ErrorCode, Result};

/// Servers that are started from now on can have a certificate. Their clients choose HTTP/2, if
/// they know it, only where it is spoken: whoever provides one provides the other.
pub fn provide() {
    offer_tls(load);
}

/// What a server shows to all its clients.
struct Config(Arc<ServerConfig>);

impl ServerTls for Config {
    fn secure(&self, below: Box<dyn Transport>) -> Securing {
        let session = ServerConnection::new(Arc::clone(&self.0));
        Box::pin(async move {
            let session = session.map_err(|_| ErrorCode::ConfigurationError)?;
            let tls = Tls::open(session, below).await?;
            let by_http2 = tls.session.alpn_protocol() == Some(H2);
            Result::Ok(Secured {
                transport: Box::new(tls),
                by_http2,
            })
        })
    }
}

fn load(files: &Certificate) -> std::result::Result<Rc<dyn ServerTls>, String> {
    let config = config(&read(&files.chain)?, &read(&files.key)?, files)?;
    Ok(Rc::new(Config(Arc::new(config))))
}

fn read(path: &str) -> std::result::Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{path}`: {error}"))
}

fn config(
    chain: &[u8],
    key: &[u8],
    files: &Certificate,
) -> std::result::Result<ServerConfig, String> {
    let (chain_file, key_file) = (&files.chain, &files.key);
    let chain = CertificateDer::pem_slice_iter(chain).collect::<std::result::Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| format!("`{chain_file}` is no text of certificates (PEM)"))?;
    if chain.is_empty() {
        return Err(format!("there is no certificate (PEM) in `{chain_file}`"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound => format!(
            "there is no key in `{key_file}`: one without a password is wanted, as PKCS#8, SEC1 or \
             PKCS#1 (PEM)"
        ),
        _ => format!("`{key_file}` is no text of a key (PEM)"),
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                format!("the key in `{key_file}` is not that of the certificate in `{chain_file}`")
            }
            Error::InvalidCertificate(_) => {
                format!("the first certificate in `{chain_file}` is none of X.509")
            }
            _ => format!("the key in `{key_file}` is none that is known: RSA, ECDSA or Ed25519"),
        })?;
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    // Tickets are good for all workers, which are copies of the process that has made this.
    config.ticketer = ring::Ticketer::new().map_err(|error| error.to_string())?;
    Ok(config)
}
