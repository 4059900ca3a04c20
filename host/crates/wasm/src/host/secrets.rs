//! `secrets`: what the deployment was granted of those that are kept.

use std::sync::Arc;

use crate::bindings::secrets;
use crate::convert;
use crate::fields;
use crate::guest::{Guest, Role};
use crate::port::CallResult;
use model::{Failure, FailureKind, SecretName};

impl secrets::Host for Guest {
    async fn get(&mut self, name: String) -> CallResult<String> {
        fields::SECRET.check(name.len())?;
        let name = SecretName::new(name).map_err(convert::invalid_name)?;
        let refused = |why: String| Err(Failure::new(FailureKind::Refused, why).into());
        let port = match &self.role {
            Role::Task(task) => Arc::clone(&task.port),
            _ => {
                return refused(format!(
                    "a flow has no secrets: let a task of it ask for `{name}`"
                ));
            }
        };
        if !self.is_secret_granted(&name) {
            return refused(format!(
                "secret `{name}` was not given to the task: the deployment was not granted it; \
                 `--secret {name}` grants it"
            ));
        }
        let value = port.secret(name).await?;
        self.masks().add(&value);
        Ok(value.to_string())
    }
}
