//! `orch-host completions SHELL`
//!
//! ```text
//! a shell starts:  orch-host completions bash --> a function of the shell, which it registers
//! Tab is pressed:  ORCH_COMPLETE=bash orch-host -- orch-host flow-run ca --> candidates
//! ```
//!
//! What is offered comes from the program at each Tab: its commands and options, and the names of
//! what is in the database. Nothing is made by that: without a database there are no names.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::error::ExitStatus;
use super::output::Output;
use super::place::{DatabaseUrl, Place};
use store::{CachePart, CachedEntry, PageRequest, RunFilter, Store, StoreResult};

/// By which a shell tells that it wants candidates, and which shell it is.
const ASKED: &str = "ORCH_COMPLETE";

/// Runs that are offered: the newest.
const RUNS_MAX: u32 = 50;

/// Cached results that are offered: the newest.
const CACHED_MAX: u32 = 50;

/// Print completions for a shell
///
/// They offer names of deployments, flow runs and work pools, too. For bash, in `~/.bashrc`:
/// `source <(orch-host completions bash)`; for zsh the same in `~/.zshrc`, after `compinit`; for
/// fish, in `~/.config/fish/config.fish`: `orch-host completions fish | source`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orch-host completions fish | source
  orch-host completions bash > ~/.local/share/bash-completion/completions/orch-host")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub fn run(args: &CompletionsArgs, out: &Output) -> anyhow::Result<ExitStatus> {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let shell = shells
        .completer(&name)
        .ok_or_else(|| anyhow::anyhow!("there are no completions for {name}"))?;
    let mut script = Vec::new();
    shell.write_registration(ASKED, "orch-host", "orch-host", "orch-host", &mut script)?;
    out.data(String::from_utf8(script)?.trim_end())?;
    Ok(ExitStatus::Success)
}

/// Opens a database.
pub type Open = fn(&DatabaseUrl) -> StoreResult<Arc<dyn Store>>;

/// For the candidates, which are given nothing.
static OPEN: OnceLock<Open> = OnceLock::new();

/// Answers a shell in which Tab was pressed. Whether it was that. `command`: the whole command line.
pub fn answer(given: &[OsString], command: fn() -> clap::Command, open: Open) -> bool {
    if std::env::var_os(ASKED).is_none() {
        return false;
    }
    let _ = OPEN.set(open);
    let here = std::env::current_dir().ok();
    let env = CompleteEnv::with_factory(command)
        .var(ASKED)
        .bin("orch-host");
    // A shell has no use for a reason.
    env.try_complete(given.to_vec(), here.as_deref())
        .unwrap_or(true)
}

/// The names of deployments.
pub fn deployments() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let all = store.deployments(None).await.unwrap_or_default();
            let names = all.into_iter().map(|it| it.name.to_string());
            names.map(CompletionCandidate::new).collect()
        })
    })
}

/// The flows that have deployments.
pub fn flows() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let all = store.deployments(None).await.unwrap_or_default();
            let mut names: Vec<String> = all.iter().map(|it| it.name.flow.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(CompletionCandidate::new).collect()
        })
    })
}

/// The work pools.
pub fn pools() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let all = store.pools().await.unwrap_or_default();
            let names = all.into_iter().map(|it| it.pool.name.to_string());
            names.map(CompletionCandidate::new).collect()
        })
    })
}

/// The limits that people have made.
pub fn limits() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let all = store.limits().await.unwrap_or_default();
            let names = all.into_iter().map(|it| it.limit.name);
            let made = names.filter(|name| name.deployment().is_none());
            made.map(|name| CompletionCandidate::new(name.to_string()))
                .collect()
        })
    })
}

/// The newest cached results, each with its task and its key.
pub fn cached() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let results = newest_cached(&*store).await.into_iter().enumerate();
            let candidate = results.map(|(at, result)| {
                let about = format!("{}, {}", result.key.task, result.key.key);
                CompletionCandidate::new(result.key.id().short())
                    .help(Some(about.into()))
                    .display_order(Some(at))
            });
            candidate.collect()
        })
    })
}

/// The tasks of the newest cached results.
pub fn cached_tasks() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let results = newest_cached(&*store).await.into_iter();
            let mut names: Vec<String> = results.map(|it| it.key.task.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(CompletionCandidate::new).collect()
        })
    })
}

async fn newest_cached(store: &dyn Store) -> Vec<CachedEntry> {
    let newest = store.cached_entries(&CachePart::All, None, CACHED_MAX);
    newest.await.unwrap_or_default()
}

/// The queues of all work pools.
pub fn queues() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let all = store.queues(None).await.unwrap_or_default();
            let mut names: Vec<String> = all.iter().map(|it| it.queue.name.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(CompletionCandidate::new).collect()
        })
    })
}

/// The newest flow runs, each with its flow and its state.
pub fn runs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        of_store(async |store| {
            let newest = PageRequest::newest(RUNS_MAX).without_values();
            let Ok(page) = store.flow_runs(&RunFilter::default(), &newest).await else {
                return Vec::new();
            };
            let runs = page.items.into_iter().enumerate();
            let candidate = runs.map(|(at, run)| {
                let about = format!("{}, {}", run.flow, run.state.name);
                CompletionCandidate::new(run.name.to_string())
                    .help(Some(about.into()))
                    .display_order(Some(at))
            });
            candidate.collect()
        })
    })
}

/// What a database that is there holds.
fn of_store(
    read: impl AsyncFnOnce(Arc<dyn Store>) -> Vec<CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let Some(store) = opened() else {
        return Vec::new();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_or(Vec::new(), |runtime| runtime.block_on(read(store)))
}

/// The database of the commands, unless it would have to be made, or a server has it.
fn opened() -> Option<Arc<dyn Store>> {
    if std::env::var_os("ORCH_API_URL").is_some_and(|url| !url.is_empty()) {
        return None;
    }
    let named = std::env::var("ORCH_DATABASE_URL").ok();
    let named = named.filter(|url| !url.is_empty());
    let named = named.as_deref().map(DatabaseUrl::read).transpose().ok()?;
    let place = Place::find(named).ok()?;
    if let DatabaseUrl::Sqlite(path) = &place.database
        && !PathBuf::from(path).exists()
    {
        return None;
    }
    (OPEN.get()?)(&place.database).ok()
}
