//! What people keep for all runs: variables and secrets.

use async_trait::async_trait;
use model::{SealedSecret, SecretName, Variable, VariableName};

use crate::StoreResult;

/// Keeps variables and secrets by name. A secret is encrypted before it comes here.
#[async_trait]
pub trait Kept: Send + Sync + 'static {
    /// Sets a variable, whatever it was. Returns whether it is new.
    async fn set_variable(&self, variable: Variable) -> StoreResult<bool>;

    async fn variable(&self, name: &VariableName) -> StoreResult<Option<Variable>>;

    /// All variables, by name.
    async fn variables(&self) -> StoreResult<Vec<Variable>>;

    /// Errs if there is none.
    async fn delete_variable(&self, name: &VariableName) -> StoreResult<()>;

    /// Keeps the next version of a secret, or the first one if there is none. Returns whether it
    /// was the next: another may have been faster.
    async fn put_secret(&self, secret: SealedSecret) -> StoreResult<bool>;

    async fn secret(&self, name: &SecretName) -> StoreResult<Option<SealedSecret>>;

    /// All secrets, by name.
    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>>;

    /// Errs if there is none.
    async fn delete_secret(&self, name: &SecretName) -> StoreResult<()>;

    /// Puts these in the places of those with the same names and versions, all of them or none:
    /// returns whether these are all secrets that there are, in these versions.
    async fn reseal_secrets(&self, secrets: Vec<SealedSecret>) -> StoreResult<bool>;
}
