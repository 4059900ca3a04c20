//! The command line. A file a command, mirroring the command tree, each with its arguments
//! and one function that returns an exit status. The only place that prints.

mod artifact;
mod backup;
mod bench;
mod blob;
mod cache;
mod completions;
mod component;
mod context;
mod database;
mod deploy;
mod deployment;
mod doctor;
mod engine;
mod error;
#[cfg(test)]
mod examples_tests;
mod files;
mod flow_run;
mod grants;
mod http;
mod inputs;
mod limit;
mod limits;
mod listing;
mod named;
mod output;
mod params;
mod place;
mod prune;
mod remote;
mod report;
mod run;
mod schedule;
mod secret;
mod server;
mod signals;
mod size;
mod storage;
mod table;
mod target;
mod task_run;
mod text;
mod time;
mod token;
mod usage;
mod values;
mod variable;
mod wasm_file;
mod watch;
mod work_pool;
mod work_queue;
mod worker;

use std::backtrace::Backtrace;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use client::ServerUrl;
use tracing_subscriber::EnvFilter;

use context::Context;
use engine::EngineSettings;
use error::{ExitStatus, StdoutClosed, UserError};
use output::{Color, FormatArg, Output};
pub use place::DatabaseUrl;
use place::Place;
use report::Report;
use store::{Store, StoreResult};

/// Runs workflows as sandboxed WebAssembly components
///
/// Flows and tasks are Rust functions in one component. `deploy` registers its flows as
/// deployments, a `worker` executes their runs, and `run` starts one here and now.
#[derive(Debug, clap::Parser)]
#[command(name = "orch-host", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten, next_help_heading = "Global options")]
    global: GlobalArgs,
}

const AFTER_HELP: &str = "\
Environment:
  ORCH_HOME          Where the database and compiled code are kept [default: the user's data
                     directory, such as ~/.local/share/orch-host]
  ORCH_DATABASE_URL  As `--database`
  ORCH_LISTEN_URL    As `--listen-url`
  ORCH_STORAGE_URL   As `--storage`
  ORCH_API_URL       As `--server`
  ORCH_API_TOKEN     The token to show to that server [default: for a server on this machine, the
                     one in ORCH_HOME]
  ORCH_COMPILE_LIMIT As `--compile-limit`
  ORCH_SECRET_KEY_FILE, ORCH_SECRET_KEY
                     The key of secrets, as a file or as 32 bytes in base64 [default: a file in
                     ORCH_HOME that is made at first use]
  ORCH_LOG           What the program logs of itself, such as `debug` or `orch_host_worker=trace`
  NO_COLOR           Turns colours off

Exit codes:
  0    Done; what ran has completed
  1    The run failed, crashed or was cancelled
  2    The command line or the input was wrong
  70   The program or the machine failed
  130  Interrupted

First steps:
  orch-host deploy target/wasm32-wasip2/release/my_flow.wasm
  orch-host worker --pool default-pool
  orch-host run my-flow -p item_id=7";

#[derive(Debug, clap::Args)]
struct GlobalArgs {
    /// The database, shared by workers and commands: `sqlite:PATH`, or
    /// `postgres://USER@HOST/DATABASE` for many machines [default: `orch.db` in ORCH_HOME]
    #[arg(
        long,
        global = true,
        env = "ORCH_DATABASE_URL",
        hide_env = true,
        value_name = "URL"
    )]
    database: Option<String>,
    /// The same PostgreSQL database, past the pooler that `--database` names: a pooler such as
    /// PgBouncer passes no notifications on, and without them all look once a second
    #[arg(
        long,
        global = true,
        env = "ORCH_LISTEN_URL",
        hide_env = true,
        value_name = "URL"
    )]
    listen_url: Option<String>,
    /// Where blobs are kept: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or
    /// `file:///DIRECTORY`, the same for all workers [default: `blobs` in ORCH_HOME; with
    /// PostgreSQL: the database, up to 64 MiB each]
    #[arg(
        long,
        global = true,
        env = "ORCH_STORAGE_URL",
        hide_env = true,
        value_name = "URL"
    )]
    storage: Option<String>,
    /// A server to ask, in place of the database: `https://orch.example.com`
    #[arg(
        long,
        global = true,
        env = "ORCH_API_URL",
        hide_env = true,
        value_name = "URL"
    )]
    server: Option<ServerUrl>,
    /// Processor time for compiling one component, which happens when it is deployed, and where
    /// a worker has not compiled it yet [default: 60s]
    #[arg(
        long,
        global = true,
        env = "ORCH_COMPILE_LIMIT",
        hide_env = true,
        value_name = "DURATION"
    )]
    compile_limit: Option<time::TimeLimitArg>,
    /// How to print data
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: FormatArg,
    /// Log more of what the program does; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print only data and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Deploy(deploy::DeployArgs),
    Run(run::RunArgs),
    Worker(worker::WorkerArgs),
    /// Start runs of deployments, list and delete them
    #[command(subcommand)]
    Deployment(deployment::DeploymentCommand),
    /// List, inspect and watch flow runs
    #[command(subcommand)]
    FlowRun(flow_run::FlowRunCommand),
    /// List task runs
    #[command(subcommand)]
    TaskRun(task_run::TaskRunCommand),
    /// Create, pause and list work pools
    #[command(subcommand)]
    WorkPool(work_pool::WorkPoolCommand),
    /// Queues of work pools: which runs go first
    #[command(subcommand)]
    WorkQueue(work_queue::WorkQueueCommand),
    /// Limits across flow runs: how many at once, or within a time
    #[command(subcommand)]
    Limit(limit::LimitCommand),
    /// Show and clear results of tasks that are kept for other runs
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// Make runs of deployments by the clock
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// Serve the API and the pages
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Create tokens for the API, list and revoke them
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Show components and what they declare
    #[command(subcommand)]
    Component(component::ComponentCommand),
    /// Set values that tasks and flows read by name
    #[command(subcommand)]
    Variable(variable::VariableCommand),
    /// Set what only tasks of deployments read that were granted it
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Show what runs have made for people to look at
    #[command(subcommand)]
    Artifact(artifact::ArtifactCommand),
    /// Write the bytes of a blob to a file
    #[command(subcommand)]
    Blob(blob::BlobCommand),
    Prune(prune::PruneArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Doctor(doctor::DoctorArgs),
    /// Show what the database is, bring it to this version, copy it to another
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
}

/// The ways to open a database.
#[derive(Clone, Copy)]
pub struct Engines {
    pub open: fn(&DatabaseUrl) -> StoreResult<Arc<dyn Store>>,
    /// A new one of the same kind, to measure with.
    pub open_own: fn(&DatabaseUrl, &Path) -> StoreResult<::bench::Opened>,
    /// As a whole, whatever its version.
    pub open_whole: place::OpenWhole,
}

/// Reads the command line and does what it says.
pub fn main(engines: Engines) -> ExitCode {
    // Not a command: this program started itself to look at a component.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|it| it == wasm::COMPILE_CHILD)
    {
        return wasm::compile_child();
    }
    let given: Vec<_> = std::env::args_os().collect();
    if completions::answer(&given, Cli::command, engines.open) {
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse_from(&given) {
        Ok(cli) => cli,
        Err(err)
            if err.use_stderr()
                && err.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            let UserError { message, hint } = usage::mistake(&err, &Cli::command(), &given);
            let out = Output::new(FormatArg::Text, Color::default(), false);
            out.error(&message, hint.as_deref());
            return ExitCode::from(ExitStatus::Usage.code());
        }
        // Help, or the version.
        Err(asked) => asked.exit(),
    };
    let out = Output::new(cli.global.output, cli.global.color, cli.global.quiet);
    let status = match start(cli, &out, engines) {
        Ok(status) => status,
        Err(err) if err.is::<StdoutClosed>() => ExitStatus::Success,
        Err(err) => {
            let Report {
                message,
                hint,
                status,
            } = Report::of(&err);
            out.error(&message, hint.as_deref());
            status
        }
    };
    ExitCode::from(status.code())
}

fn start(cli: Cli, out: &Output, engines: Engines) -> anyhow::Result<ExitStatus> {
    // It needs no database, and runs where a shell starts.
    if let Command::Completions(args) = cli.command {
        return completions::run(&args, out);
    }
    log_to_stderr(&cli, out)?;
    log_panics();
    let database = cli.global.database.as_deref().map(DatabaseUrl::read);
    let mut database = database.transpose()?;
    if let Some(direct) = cli.global.listen_url.as_deref() {
        database = Some(DatabaseUrl::listening_at(database, direct)?);
    }
    let server = remote::chosen(cli.global.server, database.as_ref())?;
    let storage = cli.global.storage.as_deref().filter(|it| !it.is_empty());
    let storage = storage.map(storage::read).transpose()?;
    let mut place = Place::find(database)?;
    place.storage = storage;
    let engine = EngineSettings::new(&place.cache, cli.global.compile_limit);
    runtime(&cli.command)?.block_on(async move {
        // It has databases of its own.
        if let Command::Bench(args) = cli.command {
            if server.is_some() {
                return Err(context::only_here("bench").into());
            }
            let database = place.database.clone();
            let open = move |path: &Path| (engines.open_own)(&database, path);
            return bench::run(args, out, &place, &open).await;
        }
        // They may be of any version.
        if let Command::Backup(args) = cli.command {
            if server.is_some() {
                return Err(context::only_here("backup").into());
            }
            return backup::run_backup(args, &place, engines.open_whole, out).await;
        }
        if let Command::Restore(args) = cli.command {
            if server.is_some() {
                return Err(context::only_here("restore").into());
            }
            return backup::run_restore(args, &place, engines.open_whole, out).await;
        }
        if let Command::Database(command) = cli.command {
            if server.is_some() {
                return Err(context::only_here("database").into());
            }
            return database::run(command, &place.database, engines.open_whole, out).await;
        }
        let (whole, is_local) = (place.clone(), server.is_none());
        let connect = || -> anyhow::Result<Context> {
            Ok(match server {
                Some(url) => {
                    Context::elsewhere(remote::connect(url, &place)?, out.clone(), place, engine)
                }
                None => Context::here((engines.open)(&place.database)?, out.clone(), place, engine),
            })
        };
        if let Command::Doctor(args) = cli.command {
            let open = is_local.then_some(engines.open_whole);
            return doctor::run(args, &whole, open, connect, out).await;
        }
        let cx = connect()?;
        match cli.command {
            Command::Deploy(args) => deploy::run(args, &cx).await,
            Command::Run(args) => run::run(args, &cx).await,
            Command::Worker(args) => worker::run(args, &cx).await,
            Command::Deployment(command) => deployment::run(command, &cx).await,
            Command::FlowRun(command) => flow_run::run(command, &cx).await,
            Command::TaskRun(command) => task_run::run(command, &cx).await,
            Command::WorkPool(command) => work_pool::run(command, &cx).await,
            Command::WorkQueue(command) => work_queue::run(command, &cx).await,
            Command::Limit(command) => limit::run(command, &cx).await,
            Command::Cache(command) => cache::run(command, &cx).await,
            Command::Schedule(command) => schedule::run(command, &cx).await,
            Command::Component(command) => component::run(command, &cx).await,
            Command::Prune(args) => prune::run(args, &cx).await,
            Command::Server(command) => server::run(command, &cx).await,
            Command::Token(command) => token::run(command, &cx).await,
            Command::Variable(command) => variable::run(command, &cx).await,
            Command::Artifact(command) => artifact::run(command, &cx).await,
            Command::Secret(command) => secret::run(command, &cx).await,
            Command::Blob(command) => blob::run(command, &cx).await,
            Command::Bench(_)
            | Command::Completions(_)
            | Command::Database(_)
            | Command::Backup(_)
            | Command::Doctor(_)
            | Command::Restore(_) => {
                unreachable!("they were done above")
            }
        }
    })
}

/// The threads on which everything is done.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Command::Worker(args) = command
        && args.is_alone()
    {
        // So that it falls silent if its run takes a thread and does not give it back.
        runtime.worker_threads(1);
    }
    runtime.enable_all().build()
}

/// Where a panic came from, besides what is said of every panic.
fn log_panics() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        tracing::debug!(backtrace = %Backtrace::force_capture(), "panicked");
    }));
}

/// The program's own log. A worker tells of every run, a server of every request; elsewhere only trouble is said, since
/// a command says itself what it does.
fn log_to_stderr(cli: &Cli, out: &Output) -> anyhow::Result<()> {
    let tells_all = match &cli.command {
        Command::Worker(args) => args.is_start(),
        Command::Server(_) => true,
        _ => false,
    };
    let default = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => "error",
        // What becomes of a lost connection is said by those who need it.
        (_, 0) if tells_all => "warn,orch_host=info,deadpool=error",
        // How the run ends is said by the command.
        (_, 0) => "warn,orch_host_worker::execution=error,deadpool=error",
        (_, 1) => "info,orch_host=debug",
        (_, _) => "debug,orch_host=trace",
    };
    let filter = match std::env::var("ORCH_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).map_err(|err| {
            UserError::new(format!("`ORCH_LOG` is `{text}`: {err}"))
                .hint("write a level such as `debug`, or `orch_host_worker=trace`")
        })?,
        _ => EnvFilter::new(default),
    };
    let writer = out.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(out.color_err())
        .with_target(false)
        .with_timer(LocalTime)
        .with_writer(move || writer.clone())
        .init();
    Ok(())
}

/// The same time of day as log lines of runs have.
struct LocalTime;

impl tracing_subscriber::fmt::time::FormatTime for LocalTime {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        w.write_str(&time::clock(time::of_this_machine()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{argument}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn worker_is_a_command_and_a_group() {
        let parse = |line: &str| Cli::try_parse_from(line.split_whitespace());
        let is_start = |line: &str| match parse(line).unwrap().command {
            Command::Worker(args) => args.is_start(),
            other => panic!("{other:?}"),
        };
        assert!(is_start("orch-host worker"));
        assert!(is_start("orch-host worker --pool p --limit 2 -v"));
        assert!(!is_start("orch-host worker ls -o json"));
        assert!(parse("orch-host worker --pool p ls").is_err());
    }
}
