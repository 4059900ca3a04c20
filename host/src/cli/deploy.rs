//! `orch-host deploy FILE.wasm`

use std::path::PathBuf;

use super::artifact::{self, Artifact};
use super::context::{Context, Instances};
use super::error::{ExitStatus, UserError};
use super::output::Format;
use super::params::{ParamArgs, defaults_schema_of, misfit};
use super::resolve;
use model::{
    Deployment, DeploymentName, Digest, FlowDescription, Grants, Json, PoolName, Timestamp,
};
use operations::view::DeployedView;
use store::Deployed;
use wasm::Limits;

/// Register the flows of a component as deployments
///
/// Each flow becomes the deployment `<flow>/<flow>-deployment`, unless `--name` says otherwise.
/// What the command line says is what the deployment is: what is left out goes back to its
/// default. The same command twice changes nothing. Runs keep the component that they were
/// created with.
#[derive(Debug, clap::Args)]
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
    pool: PoolName,
    #[command(flatten)]
    params: ParamArgs,
    /// A tag of each of its runs; may be repeated
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Let tasks send HTTP requests to this host: `host`, `host:port` or `*`; may be repeated
    #[arg(long, value_name = "HOST", value_parser = http_host)]
    allow_http: Vec<String>,
    /// What it is for [default: what the flow says of itself]
    #[arg(long)]
    description: Option<String>,
}

pub async fn run(args: DeployArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let now = cx.now();
    let runtime = cx.runtime(Instances::FEW, Limits::default())?;
    let Artifact { component, bytes } = Artifact::read(&args.file, &runtime, now).await?;
    let pool = resolve::pool(&*cx.store, &args.pool).await?;
    let flows: Vec<&FlowDescription> = match args.flow.is_empty() {
        true => component.manifest.flows.iter().collect(),
        false => args
            .flow
            .iter()
            .map(|name| artifact::flow(&component, name))
            .collect::<Result<_, _>>()?,
    };
    let deployments = flows
        .iter()
        .map(|flow| deployment(&args, component.digest, flow, now))
        .collect::<anyhow::Result<Vec<_>>>()?;

    let mut before = Vec::new();
    for deployment in &deployments {
        before.push(cx.store.deployment(&deployment.name).await?);
    }
    cx.store.put_component(component.clone(), bytes).await?;
    let outcomes = cx.store.deploy(deployments.clone()).await?;

    let mut views = Vec::new();
    for ((after, before), outcome) in deployments.iter().zip(&before).zip(&outcomes) {
        let changed = match before {
            Some(before) => changed(before, after),
            None => Vec::new(),
        };
        views.push((after, outcome_name(*outcome), changed));
    }
    match cx.out.format {
        Format::Json => {
            let views = views
                .into_iter()
                .map(|(deployment, outcome, changed)| DeployedView {
                    outcome,
                    changed,
                    deployment: deployment.clone().into(),
                });
            cx.out.json(&views.collect::<Vec<_>>())?;
        }
        Format::Text => {
            for (deployment, outcome, changed) in &views {
                let what = match changed.is_empty() {
                    true => String::new(),
                    false => format!(" ({})", changed.join(", ")),
                };
                cx.out
                    .data(&format!("{outcome} {}{what}", deployment.name))?;
            }
        }
    }
    if pool.workers == 0 && outcomes.contains(&Deployed::Created) {
        let name = &args.pool;
        cx.out.hint(&format!(
            "`orch-host worker --pool {name}` executes their runs"
        ));
    }
    Ok(ExitStatus::Success)
}

fn deployment(
    args: &DeployArgs,
    component: Digest,
    flow: &FlowDescription,
    now: Timestamp,
) -> anyhow::Result<Deployment> {
    let name = match &args.name {
        Some(name) => DeploymentName::new(flow.name.clone(), name).map_err(|err| {
            UserError::new(err.to_string())
                .hint("`--name` is the part after the slash; the flow's name goes before it")
        })?,
        None => DeploymentName::default_for(&flow.name),
    };
    let parameters = defaults(args, flow)?;
    let mut tags = args.tags.clone();
    dedup(&mut tags);
    let mut http = args.allow_http.clone();
    dedup(&mut http);
    Ok(Deployment {
        name,
        component,
        pool: args.pool.clone(),
        parameters,
        tags,
        grants: Grants { http },
        description: args
            .description
            .clone()
            .or_else(|| flow.description.clone()),
        created: now,
        updated: now,
    })
}

/// Default parameters: of the right names and types, not necessarily complete.
fn defaults(args: &DeployArgs, flow: &FlowDescription) -> anyhow::Result<Json> {
    let parameters = args.params.object(flow)?;
    let schema = defaults_schema_of(flow)?;
    schema.check(&parameters).map_err(|err| {
        let mut err = misfit(flow, &err);
        err.message = format!("flow `{}`: {}", flow.name, err.message);
        err
    })?;
    Ok(parameters)
}

fn dedup(list: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|entry| seen.insert(entry.clone()));
}

fn outcome_name(outcome: Deployed) -> &'static str {
    match outcome {
        Deployed::Created => "created",
        Deployed::Updated => "updated",
        Deployed::Unchanged => "unchanged",
    }
}

/// What differs, in words.
fn changed(before: &Deployment, after: &Deployment) -> Vec<&'static str> {
    [
        ("component", before.component != after.component),
        ("pool", before.pool != after.pool),
        ("parameters", before.parameters != after.parameters),
        ("tags", before.tags != after.tags),
        ("grants", before.grants != after.grants),
        ("description", before.description != after.description),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

/// A host as the grants have it: no scheme, no path.
fn http_host(text: &str) -> Result<String, String> {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    match text {
        "*" => Ok(text.to_owned()),
        "" => Err("a host cannot be empty".to_owned()),
        _ if host != text => Err(format!("it is a host, not a URL: write `{host}`")),
        _ if !text.chars().all(is_plain) => {
            Err("it is `host`, `host:port` or `*`, and no pattern".to_owned())
        }
        _ => Ok(text.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_a_host() {
        #[track_caller]
        fn check(text: &str, expect: Result<&str, &str>) {
            let host = http_host(text);
            assert_eq!(host.as_deref().map_err(String::as_str), expect);
        }
        check("api.example.com", Ok("api.example.com"));
        check("Example.com:8080", Ok("example.com:8080"));
        check("*", Ok("*"));
        check(
            "https://example.com/api",
            Err("it is a host, not a URL: write `example.com`"),
        );
        check(
            "*.example.com",
            Err("it is `host`, `host:port` or `*`, and no pattern"),
        );
    }
}
