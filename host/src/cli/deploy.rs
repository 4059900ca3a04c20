//! `orch-host deploy FILE.wasm`

use std::path::PathBuf;

use super::artifact::Artifact;
use super::context::{Context, Instances};
use super::error::ExitStatus;
use super::output::Format;
use super::params::ParamArgs;
use model::{Grants, PoolName};
use operations::deploy::{self, DeployedFlow, Wish};
use operations::resolve;
use operations::view::{DeployedView, views};
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
    #[arg(long, value_name = "HOST", value_parser = deploy::http_host)]
    allow_http: Vec<String>,
    /// What it is for [default: what the flow says of itself]
    #[arg(long)]
    description: Option<String>,
}

pub async fn run(args: DeployArgs, cx: &Context) -> anyhow::Result<ExitStatus> {
    let runtime = cx.runtime(Instances::FEW, Limits::default())?;
    let Artifact { component, bytes } = Artifact::read(&args.file, &runtime, cx.now()).await?;
    let pool = resolve::pool(&*cx.store, &args.pool).await?;
    let mut flows = Vec::new();
    for flow in deploy::flows(&component, &args.flow)? {
        flows.push((flow.clone(), args.params.object(flow)?));
    }
    let wish = Wish {
        name: args.name,
        pool: args.pool,
        tags: args.tags,
        grants: Grants {
            http: args.allow_http,
        },
        description: args.description,
    };
    let deployed = deploy::deploy(&*cx.store, component, bytes, &flows, &wish).await?;
    let is_created = |it: &DeployedFlow| it.outcome == Deployed::Created;
    let any_created = deployed.iter().any(is_created);
    match cx.out.format {
        Format::Json => cx.out.json(&views::<_, DeployedView>(deployed))?,
        Format::Text => {
            for deployed in &deployed {
                cx.out.data(&line(deployed))?;
            }
        }
    }
    if pool.workers == 0 && any_created {
        let name = &wish.pool;
        cx.out.hint(&format!(
            "`orch-host worker --pool {name}` executes their runs"
        ));
    }
    Ok(ExitStatus::Success)
}

/// `updated etl/nightly (pool, tags)`
fn line(deployed: &DeployedFlow) -> String {
    let mut line = format!("{} {}", deployed.outcome_name(), deployed.deployment.name);
    if !deployed.changed.is_empty() {
        line += &format!(" ({})", deployed.changed.join(", "));
    }
    line
}
