//! `variables`: values that people keep for all runs.

use crate::bindings::variables;
use crate::convert;
use crate::fields;
use crate::guest::{Guest, Role};
use crate::port::CallResult;
use model::{Ask, VariableName};

impl variables::Host for Guest {
    async fn get(&mut self, name: String) -> CallResult<Option<String>> {
        fields::VARIABLE.check(name.len())?;
        let name = VariableName::new(name).map_err(convert::invalid_name)?;
        let value = match &mut self.role {
            Role::Task(task) => task.port.variable(name).await?,
            _ => self.flow()?.ask_value(Ask::GetVariable(name)).await?,
        };
        Ok(value.map(|value| value.to_string()))
    }
}
