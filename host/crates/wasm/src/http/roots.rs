//! The authorities whose certificates are trusted.

use std::path::{Path, PathBuf};

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// A file with certificates is no more than this, in bytes: those of a system have 220 kB.
const FILE_MAX: u64 = 16 << 20;

/// Why the authorities of a file cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("`{}` cannot be read: {why}", .file.display())]
    Unreadable { file: PathBuf, why: String },
    #[error("`{}` has no certificate in PEM form", .file.display())]
    Empty { file: PathBuf },
}

/// The certificates of a file in PEM form.
pub(super) fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |why: &dyn std::fmt::Display| RootsError::Unreadable {
        file: file.to_owned(),
        why: why.to_string(),
    };
    let found = std::fs::metadata(file).map_err(|err| unreadable(&err))?;
    if !found.is_file() {
        return Err(unreadable(&"it is no file"));
    }
    if found.len() > FILE_MAX {
        return Err(unreadable(&format!(
            "it has {} bytes, and certificates at most {FILE_MAX}",
            found.len()
        )));
    }
    let text = std::fs::read(file).map_err(|err| unreadable(&err))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|err| unreadable(&err))?;
    if all.is_empty() {
        return Err(RootsError::Empty {
            file: file.to_owned(),
        });
    }
    let mut store = RootCertStore::empty();
    for certificate in &all {
        let added = store.add(certificate.clone());
        added.map_err(|err| unreadable(&err))?;
    }
    Ok(all)
}

/// Those of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and these.
pub(super) fn all(authorities: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for err in native.errors {
        tracing::warn!(%err, "an authority of the system is not trusted");
    }
    store.add_parsable_certificates(native.certs);
    store.add_parsable_certificates(authorities.iter().cloned());
    store
}
