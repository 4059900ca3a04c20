//! Variables and secrets, from the store.

use async_trait::async_trait;
use model::{Json, SecretName, Variable, VariableName};
use store::{Missing, StoreError};
use vault::Keys;

use super::catalog::tidied;
use super::cursor::{Order, part};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{SecretQuery, SecretText, VariableQuery};
use super::{Answered, KeptClient};
use crate::kept::{SecretRefusal, set_secret, users_of_secrets};
use crate::problem::{Problem, ProblemKind};
use crate::view::{SecretView, VariableView};

/// The longest value of a variable, in bytes: a JSON text of tasks.
const VALUE_MAX: usize = 4 << 20;

impl LocalClient {
    pub(super) fn keys(&self) -> Answered<Keys> {
        Keys::of_environment(&self.home).map_err(|err| SecretRefusal::from(err).into())
    }
}

#[async_trait]
impl KeptClient for LocalClient {
    async fn list_variables(&self, query: VariableQuery) -> Answered<Page<VariableView>> {
        let variables = self.store.variables().await?;
        part(&query, "", variables, Order::Up, |it| it.name.to_string())
    }

    async fn get_variable(&self, name: &VariableName) -> Answered<VariableView> {
        let found = self.store.variable(name).await?;
        let missing = || StoreError::NotFound(Missing::Variable(name.clone()));
        Ok(found.ok_or_else(missing)?.into())
    }

    async fn set_variable(&self, name: &VariableName, value: Json) -> Answered<VariableView> {
        let value = tidied_value(&value)?;
        let variable = Variable {
            name: name.clone(),
            value,
            updated: self.store.clock().now(),
        };
        self.store.set_variable(variable.clone()).await?;
        Ok(variable.into())
    }

    async fn delete_variable(&self, name: &VariableName) -> Answered<()> {
        Ok(self.store.delete_variable(name).await?)
    }

    async fn list_secrets(&self, query: SecretQuery) -> Answered<Page<SecretView>> {
        let secrets = self.store.secrets().await?;
        let mut users = users_of_secrets(&*self.store).await?;
        let views = secrets.into_iter().map(|secret| SecretView {
            deployments: users.remove(&secret.name).unwrap_or_default(),
            name: secret.name,
            version: secret.version,
            updated: secret.updated,
            key: secret.key.to_string(),
        });
        part(&query, "", views.collect(), Order::Up, |it: &SecretView| {
            it.name.to_string()
        })
    }

    async fn set_secret(&self, name: &SecretName, value: SecretText) -> Answered<SecretView> {
        let sealed = set_secret(&*self.store, &self.keys()?, name.clone(), value.expose()).await?;
        let mut users = users_of_secrets(&*self.store).await?;
        Ok(SecretView {
            deployments: users.remove(name).unwrap_or_default(),
            name: sealed.name,
            version: sealed.version,
            updated: sealed.updated,
            key: sealed.key.to_string(),
        })
    }

    async fn delete_secret(&self, name: &SecretName) -> Answered<()> {
        Ok(self.store.delete_secret(name).await?)
    }
}

fn tidied_value(value: &Json) -> Answered<Json> {
    let size = value.as_str().len();
    if size > VALUE_MAX {
        let detail = format!("the value has {size} bytes, and a variable at most {VALUE_MAX}");
        return Err(Problem::new(ProblemKind::InvalidRequest, detail));
    }
    tidied(value)
}
