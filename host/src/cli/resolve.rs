//! What a person means by what they typed: a run, a deployment, a pool.

use super::error::UserError;
use super::table::{Table, text as cell};
use super::time::ago;
use model::{Deployment, DeploymentName, FlowName, FlowRun, IdPrefix, PoolName, Timestamp};
use store::{PoolUse, Store};

/// How many candidates an error lists.
const CANDIDATES_MAX: u32 = 10;

/// The run with this id, or whose id begins so, or of this name.
pub async fn run(store: &dyn Store, text: &IdPrefix) -> anyhow::Result<FlowRun> {
    let mut found = store.find_runs(text, CANDIDATES_MAX + 1).await?;
    match found.len() {
        0 => Err(
            UserError::new(format!("no flow run has the id or the name `{}`", text.0))
                .hint("`orch-host flow-run ls` lists the newest ones")
                .into(),
        ),
        1 => Ok(found.remove(0)),
        _ => Err(ambiguous(&text.0, &found, store.clock().now()).into()),
    }
}

fn ambiguous(text: &str, found: &[FlowRun], now: Timestamp) -> UserError {
    let mut table = Table::new([]);
    for run in found.iter().take(CANDIDATES_MAX as usize) {
        table.row([
            cell(run.id),
            cell(&run.name),
            cell(&run.flow),
            cell(&run.state.name),
            cell(ago(run.created, now)),
        ]);
    }
    let mut message = format!("`{text}` may be any of these flow runs:");
    for line in table.render(false).lines() {
        message += &format!("\n  {line}");
    }
    if found.len() > CANDIDATES_MAX as usize {
        message += "\n  …";
    }
    UserError::new(message).hint("type its id, or as much of it as tells it from the others")
}

/// The deployment `flow/deployment`, or the only one of a flow.
pub async fn deployment(store: &dyn Store, text: &str) -> anyhow::Result<Deployment> {
    if !text.contains('/') {
        return only_deployment(store, text).await;
    }
    let name: DeploymentName = text.parse().map_err(bad_name)?;
    match store.deployment(&name).await? {
        Some(deployment) => Ok(deployment),
        None => {
            let known = store.deployments(None).await?;
            let known = known.iter().map(|deployment| deployment.name.to_string());
            Err(unknown("deployment", text, known, "deployment ls").into())
        }
    }
}

async fn only_deployment(store: &dyn Store, text: &str) -> anyhow::Result<Deployment> {
    let flow = FlowName::new(text).map_err(bad_name)?;
    let mut found = store.deployments(Some(&flow)).await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => {
            let known = store.deployments(None).await?;
            // A person who leaves out the flow may have typed the deployment's own name.
            let own = known.iter().find(|known| &*known.name.name == text);
            if let Some(own) = own {
                return Err(UserError::new(format!("no flow is called `{text}`"))
                    .hint(format!("the deployment is `{}`", own.name))
                    .into());
            }
            let flows = known.iter().map(|known| known.name.flow.to_string());
            Err(unknown("deployed flow", text, flows, "deployment ls").into())
        }
        _ => {
            let names: Vec<String> = found
                .iter()
                .map(|found| format!("`{}`", found.name))
                .collect();
            Err(UserError::new(format!(
                "flow `{text}` has {} deployments: {}",
                found.len(),
                names.join(", ")
            ))
            .hint(format!("name one of them, such as {}", names[0]))
            .into())
        }
    }
}

pub fn bad_name(err: model::NameError) -> UserError {
    UserError::new(err.to_string()).hint("`orch-host deployment ls` lists the deployments")
}

/// An existing pool.
pub async fn pool(store: &dyn Store, name: &PoolName) -> anyhow::Result<PoolUse> {
    match store.pool(name).await? {
        Some(pool) => Ok(pool),
        None => {
            let known = store.pools().await?;
            let known = known.iter().map(|known| known.pool.name.to_string());
            let hint = match closest(name.as_str(), known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("create it: `orch-host work-pool create {name}`"),
            };
            Err(UserError::new(format!("work pool `{name}` does not exist"))
                .hint(hint)
                .into())
        }
    }
}

/// What to say of a name that nothing has.
pub fn unknown(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = String>,
    listing: &str,
) -> UserError {
    let hint = match closest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("`orch-host {listing}` lists what there is"),
    };
    UserError::new(format!("there is no {kind} `{name}`")).hint(hint)
}

/// The name that differs by little enough to be what was meant.
pub fn closest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_name() {
        let known = || {
            ["process-item", "orchestrator"]
                .map(str::to_owned)
                .into_iter()
        };
        assert_eq!(
            closest("proces-item", known()).as_deref(),
            Some("process-item")
        );
        assert_eq!(closest("etl", known()), None);
    }
}
