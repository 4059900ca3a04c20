//! `orch-host deploy FILE.wasm`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use indicatif::BinaryBytes;

use super::completions;
use super::context::Context;
use super::error::{ExitStatus, not_usable};
use super::grants::GrantArgs;
use super::listing::collect;
use super::output::Format;
use super::params::ParamArgs;
use super::schedule::times::TimesArgs;
use super::wasm_file::bytes_of;
use model::{
    Collision, FlowDescription, Json, LimitName, PoolName, Priority, QueueName, SecretGrant,
};
use operations::client::{DeployRequest, LimitQuery, SecretQuery};
use operations::deploy;
use operations::problem::ProblemKind;
use operations::view::{ComponentView, ConcurrencyView, DeployedView};

/// Register the flows of a component as deployments
///
/// Each flow becomes the deployment `<flow>/<flow>-deployment`, unless `--name` says otherwise.
/// What the command line says is what the deployment is: what is left out goes back to its
/// default. The same command twice changes nothing. Runs keep the component that they were
/// created with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host deploy etl.wasm
  orch-host deploy etl.wasm --name nightly --pool gpu -p days=7 --cron '0 2 * * *'")]
pub struct DeployArgs {
    /// The component: target/wasm32-wasip2/release/<crate>.wasm
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// The deployment's name: each flow becomes `<flow>/<NAME>`
    #[arg(short, long)]
    name: Option<String>,
    /// Deploy only this flow of the component; may be repeated
    #[arg(long, value_name = "FLOW")]
    flow: Vec<String>,
    /// The work pool that its runs go to
    #[arg(long, default_value = "default-pool")]
    #[arg(add = completions::pools())]
    pool: PoolName,
    /// The queue of the pool that its runs are in [default: `default`]
    #[arg(long, value_name = "QUEUE")]
    #[arg(add = completions::queues())]
    queue: Option<QueueName>,
    /// That of its runs within their queue: from 1, which goes first, to 100 [default: 50]
    #[arg(long, value_name = "N")]
    priority: Option<Priority>,
    /// Let so many of its runs be under way at once [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// What a run does that comes when there are as many: wait, be cancelled, or cancel the earliest
    #[arg(long, value_name = "WHAT", default_value_t, requires = "concurrency")]
    collision: Collision,
    /// Count runs apart by the value of this parameter, such as one for each customer; may be
    /// repeated
    #[arg(long, value_name = "PARAMETER", requires = "concurrency")]
    concurrency_key: Vec<String>,
    /// Let each of its runs take a slot of this limit; may be repeated [default: what the flow
    /// declares]
    #[arg(long = "limit", value_name = "NAME")]
    #[arg(add = completions::limits())]
    limits: Vec<LimitName>,
    /// Without the limits that the flow declares
    #[arg(long, conflicts_with = "limits")]
    no_limits: bool,
    /// Without the schedules that the flow declares
    #[arg(long, conflicts_with_all = ["cron", "interval", "rrule"])]
    no_schedules: bool,
    #[command(flatten)]
    params: ParamArgs,
    /// A tag of each of its runs; may be repeated
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    grants: GrantArgs,
    #[command(
        flatten,
        next_help_heading = "Schedules, each of which may be repeated"
    )]
    times: TimesArgs,
    /// What it is for [default: what the flow says of itself]
    #[arg(long)]
    description: Option<String>,
}

pub async fn run(args: DeployArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    if cx.local_store().is_some() {
        args.grants.check_dirs()?;
    }
    let component = upload(&args.file, cx).await?;
    let pool = cx.client.inspect_pool(&args.pool).await?;
    let flows: Vec<FlowDescription> = component
        .manifest
        .flows
        .into_iter()
        .map(Into::into)
        .collect();
    let mut flow_parameters = BTreeMap::new();
    for flow in deploy::flows_among(&flows, &args.flow)? {
        let own = args.params.object(flow)?;
        flow_parameters.insert(flow.name.to_string(), own);
    }
    let concurrency = args.concurrency.map(|slots| ConcurrencyView {
        slots,
        collision: args.collision,
        keys: args.concurrency_key.clone(),
    });
    let limits = (!args.limits.is_empty() || args.no_limits).then_some(args.limits);
    let schedules = args.times.schedules();
    let schedules = (!schedules.is_empty() || args.no_schedules).then_some(schedules);
    let grants = args.grants.request();
    let granted_secrets = grants.secrets.clone();
    let request = DeployRequest {
        component: component.digest.to_string(),
        flows: args.flow,
        name: args.name,
        pool: args.pool,
        work_queue: args.queue,
        priority: args.priority,
        concurrency,
        limits,
        parameters: Json::empty_object(),
        flow_parameters,
        tags: args.tags,
        grants,
        description: args.description,
        schedules,
    };
    let deployed = cx.client.deploy(request).await?;
    match cx.out.format {
        Format::Json => cx.out.json(&deployed)?,
        Format::Text => {
            for deployed in &deployed {
                cx.out.data(&line(deployed))?;
            }
        }
    }
    warn_of_missing_secrets(&granted_secrets, cx).await?;
    let taken = deployed.iter().flat_map(|it| &it.deployment.limits);
    let taken: BTreeSet<LimitName> = taken.cloned().collect();
    warn_of_missing_limits(&taken, cx).await?;
    if pool.workers == 0 && deployed.iter().any(|it| it.outcome == "created") {
        let name = &pool.name;
        cx.out.hint(&format!(
            "`orch-host worker --pool {name}` executes their runs"
        ));
    }
    Ok(ExitStatus::Success)
}

/// Tasks that ask for a secret fail until there is one.
async fn warn_of_missing_secrets(granted: &[String], cx: &Context) -> anyhow::Result<()> {
    if granted.is_empty() {
        return Ok(());
    }
    let there = collect(0, |limit, cursor| {
        cx.client.list_secrets(SecretQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let there = there.await?;
    for grant in granted
        .iter()
        .filter_map(|it| it.parse::<SecretGrant>().ok())
    {
        let name = grant.name;
        if !there.iter().any(|secret| secret.name == name) {
            cx.out.warn(
                &format!("there is no secret `{name}` yet"),
                &format!("`orch-host secret set {name}` makes it"),
            );
        }
    }
    Ok(())
}

/// What there is no limit of is not limited.
async fn warn_of_missing_limits(taken: &BTreeSet<LimitName>, cx: &Context) -> anyhow::Result<()> {
    if taken.is_empty() {
        return Ok(());
    }
    let there = collect(0, |limit, cursor| {
        cx.client.list_limits(LimitQuery {
            limit: Some(limit),
            cursor,
        })
    });
    let there = there.await?;
    for name in taken {
        if !there.iter().any(|limit| limit.name == *name) {
            cx.out.warn(
                &format!("there is no limit `{name}` yet, so it limits nothing"),
                &format!("`orch-host limit create {name} --slots N` makes it"),
            );
        }
    }
    Ok(())
}

/// Brings the component to the database, where it stays should its flows not be deployed.
async fn upload(file: &Path, cx: &Context) -> anyhow::Result<ComponentView> {
    let bytes = bytes_of(file)?;
    let bar = cx.out.progress_line();
    let size = BinaryBytes(bytes.len() as u64);
    bar.set_message(format!("Compiling `{}` ({size})", file.display()));
    let uploaded = cx.client.upload_component(bytes).await;
    bar.finish_and_clear();
    match uploaded {
        Ok((component, _)) => Ok(component),
        Err(problem) if problem.kind == ProblemKind::InvalidComponent => {
            Err(not_usable(file, problem).into())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// `updated etl/nightly (pool, grants): +HTTP to api.example.com`
fn line(deployed: &DeployedView) -> String {
    let mut line = format!("{} {}", deployed.outcome, deployed.deployment.name);
    if !deployed.changed.is_empty() {
        line += &format!(" ({})", deployed.changed.join(", "));
    }
    if !deployed.changed_grants.is_empty() {
        line += &format!(": {}", deployed.changed_grants.join(", "));
    }
    line
}
