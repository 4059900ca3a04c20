//! TLS: a certificate and its key.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};

use super::error::{ListenError, TlsFiles};

pub(super) fn configuration(files: &TlsFiles) -> Result<Arc<ServerConfig>, ListenError> {
    let (certificate, key) = (&files.certificate, &files.key);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|err| bad("certificate", certificate, &err))?;
    if chain.is_empty() {
        return Err(bad("certificate", certificate, &"it holds none"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|err| bad("key", key, &err))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        });
    let mut config = config.map_err(|err| match err {
        Error::InconsistentKeys(_) => ListenError::Misfit {
            certificate: certificate.display().to_string(),
            key: key.display().to_string(),
            reason: "the key is of another certificate".to_owned(),
        },
        err => bad("certificate", certificate, &err),
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn bad(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> ListenError {
    ListenError::BadFile {
        what,
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
