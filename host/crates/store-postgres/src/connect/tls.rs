//! How a connection is encrypted, and whether the server shows who it is.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// As libpq means them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    /// Encrypted where the server can.
    Prefer,
    /// Encrypted, with whoever answers.
    Require,
    /// Encrypted, and the server shows a certificate for its name, of an authority that is known:
    /// of this file, or of those of the machine.
    Verify(Option<PathBuf>),
}

impl TlsMode {
    pub(crate) fn of(mode: Option<&str>, root: Option<&str>) -> Result<Self, String> {
        match mode {
            Some("disable") => Ok(Self::Disable),
            None | Some("prefer" | "allow") => Ok(Self::Prefer),
            Some("require") if root.is_none() => Ok(Self::Require),
            Some("require" | "verify-full") => Ok(Self::Verify(root.map(PathBuf::from))),
            Some("verify-ca") => Err(
                "`sslmode=verify-ca` does not look at the server's name: write `verify-full`"
                    .to_owned(),
            ),
            Some(other) => Err(format!(
                "`{other}` is no sslmode: write `disable`, `prefer`, `require` or `verify-full`"
            )),
        }
    }

    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = match self {
            Self::Verify(root) => builder
                .with_root_certificates(authorities(root.as_ref())?)
                .with_no_client_auth(),
            _ => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
                .with_no_client_auth(),
        };
        Ok(MakeRustlsConnect::new(config))
    }
}

fn authorities(root: Option<&PathBuf>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match root {
        Some(path) => {
            let unreadable = |error: &dyn std::fmt::Display| {
                format!(
                    "the certificates `{}` cannot be read: {error}",
                    path.display()
                )
            };
            let all = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
            for certificate in all {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                store.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(store)
}

/// Takes every certificate, as libpq does where it is not told to verify: nobody who only listens
/// reads along.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
