//! Whose certificates are believed: those that the environment names, else the system's, else
//! Mozilla's, which are part of the program.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::host::http::{ErrorCode, Result};
use crate::vm::process::{CERTIFICATE_FILE, CERTIFICATE_FOLDERS, named_path};

/// Where distributions keep theirs.
const BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/share/ssl/certs/ca-bundle.crt",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// The certificates that this process goes by.
///
/// # Errors
/// That there are none where the environment says.
pub(super) fn of_process() -> Result<RootCertStore> {
    chosen(
        named_path(CERTIFICATE_FILE),
        named_path(CERTIFICATE_FOLDERS),
        &BUNDLES.map(Path::new),
    )
}

fn chosen(file: Option<&Path>, dirs: Option<&Path>, bundles: &[&Path]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if file.is_some() || dirs.is_some() {
        if let Some(file) = file {
            add_file(&mut roots, file);
        }
        for dir in dirs.iter().flat_map(env::split_paths) {
            add_dir(&mut roots, &dir);
        }
        return match roots.is_empty() {
            true => Err(ErrorCode::ConfigurationError),
            false => Ok(roots),
        };
    }
    for bundle in bundles {
        add_file(&mut roots, bundle);
        if !roots.is_empty() {
            return Ok(roots);
        }
    }
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

/// Adds the certificates of a file. One that cannot be read is none: there are old ones in most
/// bundles.
fn add_file(roots: &mut RootCertStore, path: &Path) {
    let bytes = fs::read(path).unwrap_or_default();
    let certificates = CertificateDer::pem_slice_iter(&bytes).filter_map(std::result::Result::ok);
    roots.add_parsable_certificates(certificates);
}

fn add_dir(roots: &mut RootCertStore, path: &Path) {
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    // Most are there twice: links to them have names by which OpenSSL finds them.
    let paths = entries.filter_map(|entry| fs::canonicalize(entry.ok()?.path()).ok());
    let files: BTreeSet<PathBuf> = paths.filter(|path| path.is_file()).collect();
    files.iter().for_each(|file| add_file(roots, file));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mozillas_are_there_where_there_are_no_others() {
        let nowhere = Some(Path::new("/nowhere"));
        assert!(chosen(None, None, &[]).is_ok_and(|roots| roots.len() > 100));
        assert!(chosen(None, None, &[Path::new("/nowhere")]).is_ok_and(|roots| roots.len() > 100));
        for (file, dirs) in [(nowhere, None), (None, nowhere)] {
            assert!(chosen(file, dirs, &[]).is_err());
        }
    }
}
