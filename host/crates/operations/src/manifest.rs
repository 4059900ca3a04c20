//! What the types cannot say of a component's manifest.

use std::collections::HashSet;

use model::Manifest;
use orchestrator::Parameters;

/// Why a manifest cannot stand. Its text completes a sentence that begins with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefusal {
    #[error("it declares two {kind}s named `{name}`")]
    Twins { kind: &'static str, name: String },
    #[error("it declares no flow")]
    NoFlow,
    #[error("it declares the {kind} `{name}`: {reason}")]
    Declaration {
        kind: &'static str,
        name: String,
        reason: String,
    },
}

impl ManifestRefusal {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoFlow => "a flow crate depends on `guest-sdk` and has at least one `#[flow]`",
            Self::Twins { .. } => "give one of them another name: `#[flow(name = \"..\")]`",
            Self::Declaration { .. } => "change the declaration in `#[flow(..)]` or `#[task(..)]`",
        }
    }
}

/// Checks that names are unique, that there is a flow, and that schemas are valid.
pub fn check(manifest: &Manifest) -> Result<(), ManifestRefusal> {
    if manifest.flows.is_empty() {
        return Err(ManifestRefusal::NoFlow);
    }
    let flows = manifest
        .flows
        .iter()
        .map(|flow| ("flow", flow.name.as_str()));
    let tasks = manifest
        .tasks
        .iter()
        .map(|task| ("task", task.name.as_str()));
    let mut seen = HashSet::new();
    for (kind, name) in flows.chain(tasks) {
        if !seen.insert((kind, name)) {
            return Err(ManifestRefusal::Twins {
                kind,
                name: name.to_owned(),
            });
        }
    }
    for flow in &manifest.flows {
        Parameters::new(&flow.schema.parameters).map_err(|reason| {
            ManifestRefusal::Declaration {
                kind: "flow",
                name: flow.name.to_string(),
                reason: format!("its parameter schema is invalid: {reason}"),
            }
        })?;
    }
    Ok(())
}
