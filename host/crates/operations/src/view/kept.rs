//! Variables and secrets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{DeploymentName, Json, SecretName, Timestamp, Variable, VariableName};

/// A value that is kept for all runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VariableView {
    pub name: VariableName,
    pub value: Json,
    pub updated: Timestamp,
}

impl View for VariableView {}

impl From<Variable> for VariableView {
    fn from(variable: Variable) -> Self {
        let Variable {
            name,
            value,
            updated,
        } = variable;
        Self {
            name,
            value,
            updated,
        }
    }
}

/// A secret, without its value, which nobody is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    pub name: SecretName,
    /// Counts how often it was set, from 1.
    pub version: u64,
    pub updated: Timestamp,
    /// Which key it is encrypted under: the beginning of the key's hash.
    pub key: String,
    /// The deployments that were granted it.
    pub deployments: Vec<DeploymentName>,
}

impl View for SecretView {}
