//! What a deployment was granted to know.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Error, Result, host::host, http::Credential};

/// A secret. It is shown as `***`, cannot be made JSON of, and is wiped when it is dropped.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[task]
/// fn orders() -> Result<Value> {
///     let token = secret("shop-token")?;
///     let response = http::get("https://api.shop.example/orders")
///         .bearer_auth(&token)
///         .send()?;
///     response.error_for_status()?.json()
/// }
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// The secret of this name, as it is now. Tasks only, of deployments that were granted it with
/// `--secret`.
///
/// Errs with `Refused` if it was not granted, and with `NotFound` if there is none.
pub fn secret(name: impl AsRef<str>) -> Result<Secret> {
    let got = host().secret(name.as_ref());
    let text = got.map_err(Error::from_own_call)?;
    Ok(Secret(Zeroizing::new(text)))
}

impl Secret {
    /// The value. What is made of it is not hidden any more.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Credential for Secret {
    fn expose(&self) -> &str {
        self.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
