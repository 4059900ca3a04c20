//! Secrets: set, and encrypted under another key.

use std::collections::BTreeMap;
use std::path::Path;

use model::{DeploymentName, SealedSecret, SecretGrant, SecretName};
use store::{Store, StoreError};
use vault::{Keys, SECRET_MAX, VaultError};

use crate::problem::{Problem, ProblemKind};

/// Values under this are not masked in what tasks tell, in bytes.
pub const MASKED_FROM: usize = 8;

/// Why a secret was not set, or a key not changed.
#[derive(Debug, thiserror::Error)]
pub enum SecretRefusal {
    #[error("the value of secret `{0}` is empty")]
    Empty(SecretName),
    #[error("the value of secret `{name}` has {size} bytes, and a secret at most {SECRET_MAX}")]
    TooLong { name: SecretName, size: usize },
    #[error("secret `{0}` is being set by others at the same time")]
    Busy(SecretName),
    #[error("secrets were set or deleted meanwhile")]
    Changed,
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SecretRefusal> for Problem {
    fn from(refusal: SecretRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            SecretRefusal::Store(err) => err.into(),
            SecretRefusal::Vault(err) => {
                Self::new(ProblemKind::WrongState, detail).hint(err.hint())
            }
            SecretRefusal::Empty(_) | SecretRefusal::TooLong { .. } => {
                Self::new(ProblemKind::InvalidRequest, detail)
                    .hint("a secret is a text: a token, a password, a key")
            }
            SecretRefusal::Busy(_) | SecretRefusal::Changed => {
                Self::new(ProblemKind::WrongState, detail).hint("try again")
            }
        }
    }
}

/// Sets a secret. Gives it as it is stored.
pub async fn set_secret(
    store: &dyn Store,
    keys: &Keys,
    name: SecretName,
    value: &str,
) -> Result<SealedSecret, SecretRefusal> {
    const TRIES: usize = 100;
    match value.len() {
        0 => return Err(SecretRefusal::Empty(name)),
        size if size > SECRET_MAX => return Err(SecretRefusal::TooLong { name, size }),
        _ => {}
    }
    let key = keys.key_or_new()?;
    for _ in 0..TRIES {
        let held = store.secret(&name).await?;
        let version = held.map_or(1, |held| held.version + 1);
        let now = store.clock().now();
        let sealed = key.seal(&name, version, value.as_bytes(), now);
        if store.put_secret(sealed.clone()).await? {
            return Ok(sealed);
        }
    }
    Err(SecretRefusal::Busy(name))
}

/// Encrypts all secrets under a new key. Returns how many there are.
pub async fn rotate_key(
    store: &dyn Store,
    keys: &Keys,
    new_file: Option<&Path>,
) -> Result<usize, SecretRefusal> {
    // Nothing is begun where something cannot be read.
    let secrets = store.secrets().await?;
    let values: Result<Vec<_>, _> = secrets.iter().map(|it| keys.open(it)).collect();
    let values = values?;
    let key = keys.begin_rotation(new_file)?;
    let anew = secrets.iter().zip(&values).map(|(secret, value)| {
        let SealedSecret {
            name,
            version,
            updated,
            ..
        } = secret;
        key.seal(name, *version, value, *updated)
    });
    if !store.reseal_secrets(anew.collect()).await? {
        return Err(SecretRefusal::Changed);
    }
    keys.end_rotation(new_file)?;
    Ok(secrets.len())
}

/// Which deployments were granted each secret, by its name.
pub async fn users_of_secrets(
    store: &dyn Store,
) -> Result<BTreeMap<SecretName, Vec<DeploymentName>>, StoreError> {
    let mut users = BTreeMap::<SecretName, Vec<DeploymentName>>::new();
    for deployment in store.deployments(None).await? {
        let granted = deployment.grants.secrets.iter();
        for grant in granted.filter_map(|it| it.parse::<SecretGrant>().ok()) {
            let names = users.entry(grant.name).or_default();
            names.push(deployment.name.clone());
        }
    }
    Ok(users)
}
