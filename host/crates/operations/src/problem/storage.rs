//! What the store could not do.

use std::path::Path;

use store::{Missing, StoreError};

use super::{Problem, ProblemKind};

impl From<&StoreError> for Problem {
    fn from(err: &StoreError) -> Self {
        let (kind, hint) = kind_and_hint(err);
        Self::new(kind, err.to_string()).hint(hint)
    }
}

/// What to do about a database that is not available, as far as its words tell why.
fn hint_of_trouble(reason: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if says(&["prepared statement"]) {
        "a pooler in transaction mode has to keep prepared statements: PgBouncer from 1.21 on, with \
         `max_prepared_statements` above 0"
    } else if says(&["too many", "connection slots"]) {
        "its server gives no more connections: raise its `max_connections` or the user's \
         `CONNECTION LIMIT`, or end what holds them; a worker needs four"
    } else if says(&["read-only transaction", "does not allow writes"]) {
        "it takes no writes: is it a standby, or set to `default_transaction_read_only`? \
         With several hosts in the address, `target_session_attrs=read-write` finds the right one"
    } else if says(&["does not answer"]) {
        "its server is there, and stands still or is overloaded; try again in a moment. \
         `answer_timeout=SECONDS` in the address has commands wait longer"
    } else if says(&["connect", "terminat", "shutting down", "starting up"]) {
        "does its server run, and does this machine reach it? Try again in a moment"
    } else {
        "free space on its disk, or end what else holds the database; then try again"
    }
}

/// What to do about a database that a server has.
fn hint_of_server(err: &StoreError) -> &'static str {
    match err {
        StoreError::NewerVersion { .. } => {
            "install the version that set it up, on this machine too"
        }
        StoreError::NotADatabase { .. } => {
            "name a database of a PostgreSQL server from version 13 on: \
             `--database postgres://USER@HOST/DATABASE`"
        }
        _ => {
            "is the address right, does the server run, and may this user use the database? \
             `psql` with the same address tells more"
        }
    }
}

fn kind_and_hint(err: &StoreError) -> (ProblemKind, String) {
    use ProblemKind::{Damaged, Database, Exists, InUse, Internal, KeyTaken, NotFound, WrongState};
    match err {
        StoreError::NotFound(missing) => (NotFound, listing(missing)),
        StoreError::PoolExists(pool) => (
            Exists,
            format!("`orch-host work-pool set-limit {pool} N` changes its limit"),
        ),
        StoreError::LimitExists(limit) => (
            Exists,
            format!("`orch-host limit set {limit} --slots N` changes it"),
        ),
        StoreError::QueueExists { pool, name } => (
            Exists,
            format!("`orch-host work-queue set {name} --pool {pool}` changes it"),
        ),
        StoreError::TooManyQueues(pool) => (
            InUse,
            format!(
                "`orch-host work-queue delete NAME --pool {pool}` deletes one; runs of a queue have \
                 priorities, too"
            ),
        ),
        StoreError::QueueInUse { pool, name, .. } => (
            InUse,
            format!(
                "deploy with another queue and let its runs end: `orch-host work-queue ls --pool \
                 {pool}` counts those of `{name}`"
            ),
        ),
        StoreError::ScheduleExists { .. } => (
            Exists,
            "give another name: a deployment may have several schedules".to_owned(),
        ),
        StoreError::PoolInUse { pool, .. } => (
            InUse,
            format!(
                "move or delete its deployments and let its runs end: `orch-host flow-run ls --pool {pool}`"
            ),
        ),
        StoreError::TokenExists(token) => (
            Exists,
            format!("`orch-host token revoke {token}` makes its name free again"),
        ),
        StoreError::Subflow { within, .. } => (
            WrongState,
            format!("it begins and ends with the run around it: name {within} instead"),
        ),
        StoreError::Over { run, .. } => (
            WrongState,
            format!("`orch-host flow-run retry {run}` opens a new attempt"),
        ),
        StoreError::NotPaused { .. } => (WrongState, "only a paused run can be resumed".to_owned()),
        StoreError::Paused { run } => (
            WrongState,
            format!("`orch-host flow-run resume {run}` lets it go on"),
        ),
        StoreError::Cancelling { .. } => (
            WrongState,
            "it ends once it has cleaned up: wait until it is Cancelled".to_owned(),
        ),
        StoreError::InputNotAwaited { run } => (
            WrongState,
            format!("`orch-host flow-run inspect {run}` shows what it waits for"),
        ),
        StoreError::NotOver { run, .. } => (
            WrongState,
            format!("cancel it first: `orch-host flow-run cancel {run}`"),
        ),
        StoreError::KeyTaken { run, .. } => (
            KeyTaken,
            format!("`orch-host flow-run inspect {run}` shows the run that has it"),
        ),
        StoreError::OtherRequest { run, .. } => (
            KeyTaken,
            format!(
                "give a new run a key of its own; `orch-host flow-run inspect {run}` shows the one \
                 that has this key"
            ),
        ),
        StoreError::StrangeCursor => (
            ProblemKind::InvalidCursor,
            "begin at the first page, or keep the filter that the cursor was given for".to_owned(),
        ),
        StoreError::OlderVersion { path, .. } => (
            Database,
            format!(
                "`orch-host database migrate --database {}` brings it to this version; \
                 the owner of its tables has to run it",
                url(path)
            ),
        ),
        StoreError::HalfCopied { path, from } => (
            Database,
            format!("`orch-host database copy {from} {}` finishes it", url(path)),
        ),
        StoreError::NewerVersion { path, .. }
        | StoreError::NotADatabase { path, .. }
        | StoreError::ReadOnly { path, .. }
        | StoreError::CannotOpen { path, .. }
            if path.starts_with("postgres:") =>
        {
            (Database, hint_of_server(err).to_owned())
        }
        StoreError::NewerVersion { .. } => (
            Database,
            "install the version that wrote it, or name another with `--database sqlite:PATH`"
                .to_owned(),
        ),
        StoreError::NotADatabase { .. } => (
            Database,
            "restore the file, or name another with `--database sqlite:PATH`".to_owned(),
        ),
        StoreError::ReadOnly { .. } => (
            Database,
            "make the file and its directory writable, or name another with `--database sqlite:PATH`"
                .to_owned(),
        ),
        StoreError::CannotOpen { .. } => (
            Database,
            "its directory must exist and be yours; `--database sqlite:PATH` names another"
                .to_owned(),
        ),
        StoreError::Unavailable(reason) => {
            (ProblemKind::Unavailable, hint_of_trouble(reason).to_owned())
        }
        StoreError::FileGone { .. } => (
            ProblemKind::Unavailable,
            "put it back, or stop the workers and servers that use it; then try again".to_owned(),
        ),
        StoreError::FileReplaced { .. } => (
            ProblemKind::Unavailable,
            "stop the workers and servers that use it, restore the database from a copy, and start \
             them again"
                .to_owned(),
        ),
        StoreError::Damaged(_) => (Damaged, "restore the database from a copy".to_owned()),
        StoreError::Stale { .. } | StoreError::Refused(_) => (
            Internal,
            "this is a mistake in `orch-host` itself".to_owned(),
        ),
    }
}

/// What names the database on a command line.
fn url(path: &Path) -> String {
    if path.starts_with("postgres:") {
        path.display().to_string()
    } else {
        format!("sqlite:{}", path.display())
    }
}

fn listing(missing: &Missing) -> String {
    match missing {
        Missing::Run(_) => "`orch-host flow-run ls` lists the runs there are".to_owned(),
        Missing::Deployment(_) => "`orch-host deployment ls` lists those there are".to_owned(),
        Missing::Schedule(_) => "`orch-host schedule ls` lists those there are".to_owned(),
        Missing::Pool(pool) => format!("create it: `orch-host work-pool create {pool}`"),
        Missing::Limit(limit) => {
            format!("create it: `orch-host limit create {limit} --slots N`")
        }
        Missing::Queue { pool, name } => {
            format!("create it: `orch-host work-queue create {name} --pool {pool}`")
        }
        Missing::Component(_) => "`orch-host deploy FILE.wasm` brings it back".to_owned(),
        Missing::Worker(_) => "`orch-host worker ls` lists those there are".to_owned(),
        Missing::Variable(name) => {
            format!(
                "`orch-host variable ls` lists those there are; `orch-host variable set {name} VALUE` makes it"
            )
        }
        Missing::Secret(name) => {
            format!(
                "`orch-host secret ls` lists those there are; `orch-host secret set {name}` makes it"
            )
        }
        Missing::Blob(_) => {
            "a blob is kept as long as a run refers to it; `orch-host flow-run ls` lists the runs"
                .to_owned()
        }
        Missing::Upload(_) => "try again".to_owned(),
        Missing::Token(_) => "`orch-host token ls` lists those there are".to_owned(),
    }
}
