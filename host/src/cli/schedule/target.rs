//! Which schedule is meant.

use crate::cli::completions;
use crate::cli::context::Context;
use crate::cli::error::UserError;
use crate::cli::listing::collect;
use operations::client::ScheduleQuery;
use operations::view::ScheduleView;
use orchestrator::nearest;

#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    /// The deployment `flow/deployment`, or a flow that has only one
    #[arg(add = completions::deployments())]
    deployment: String,
    /// The name of the schedule; can be left out if the deployment has only one
    name: Option<String>,
}

/// The schedules of a deployment, or of all.
pub async fn list(cx: &Context, deployment: Option<&str>) -> anyhow::Result<Vec<ScheduleView>> {
    let listed = collect(0, |limit, cursor| {
        cx.client.list_schedules(ScheduleQuery {
            deployment: deployment.map(str::to_owned),
            limit: Some(limit),
            cursor,
        })
    });
    Ok(listed.await?)
}

impl TargetArgs {
    /// The schedule that is meant.
    pub async fn find(&self, cx: &Context) -> anyhow::Result<ScheduleView> {
        let mut there = list(cx, Some(&self.deployment)).await?;
        let deployment = &self.deployment;
        let Some(name) = &self.name else {
            return match there.len() {
                0 => Err(UserError::new(format!("`{deployment}` has no schedule"))
                    .hint(format!(
                        "`orch-host schedule create {deployment} --cron LINE` makes one"
                    ))
                    .into()),
                1 => Ok(there.remove(0)),
                count => Err(
                    UserError::new(format!("`{deployment}` has {count} schedules"))
                        .hint(format!("say which: {}", given(deployment, &there)))
                        .into(),
                ),
            };
        };
        match there.iter().position(|it| it.name.as_str() == name) {
            Some(at) => Ok(there.swap_remove(at)),
            None => {
                let known = there.iter().map(|it| it.name.to_string());
                let hint = match nearest(name, known) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None if there.is_empty() => "it has none".to_owned(),
                    None => format!("it has {}", names(&there)),
                };
                let error = UserError::new(format!("`{deployment}` has no schedule `{name}`"));
                Err(error.hint(hint).into())
            }
        }
    }
}

/// How each of them is given.
fn given(deployment: &str, schedules: &[ScheduleView]) -> String {
    let given = schedules
        .iter()
        .map(|it| format!("`{deployment} {}`", it.name));
    given.collect::<Vec<_>>().join(", ")
}

fn names(schedules: &[ScheduleView]) -> String {
    let names = schedules.iter().map(|it| format!("`{}`", it.name));
    names.collect::<Vec<_>>().join(", ")
}
