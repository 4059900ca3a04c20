//! The tables, and how a database of an earlier version becomes one of this version.
//!
//! ```text
//! flow_runs        what changes about a run: small rows, rewritten a few times
//! flow_run_specs   what does not: its flow, parameters, … under the same number
//! flow_run_states  the history of each run
//! journal          its calls, in order, with what became of them
//! inputs           which of them ask a person for something
//! watches          which call is to be told when a run ends
//! past_calls       of attempts that are over, what only their journals knew
//! worker_names     of the workers that histories name, which may be gone
//! task_runs, logs  for people
//! events           what changed, in the order of the commits
//! run_origins      the flows and deployments that there were runs of
//! run_tallies      how many runs have ended, by minute, origin and state
//! run_totals       the same of all time until two days ago, by origin and state
//! variables, secrets  what people keep for all runs
//! artifacts        what runs make for people to look at
//! bulk_actions     what is done to many runs, and how far it is
//! work_queues      the queues of pools, each with a number within its pool
//! limits           how many runs may do something at once
//! permits          what runs have of limits, and what they wait for
//! limit_uses       what is taken of rate limits
//! cached_results   what tasks have returned, for other runs
//! cached_blobs     which of those keeps which blob
//! settings         what is done by itself, and when it was done last
//! schedules        when runs of deployments are made by themselves
//! turns            which process makes them
//! run_blocks       what is in a block of runs, so that others are passed over
//! texts            large JSON texts that rows of runs refer to
//! run_texts        which run has which of them
//! blobs            what is kept as bytes, and which upload has them
//! run_blobs        which run holds which of them
//! blob_uploads     uploads that are not finished, and those whose bytes are to be deleted
//! blob_bytes       the bytes of uploads that no storage has
//! ```
//!
//! A run has a number (`no`) beside its id: it keeps keys short, and newest first is the
//! order of the table. Nothing outside this folder sees it. No number is given twice.
//!
//! Every index that a run enters while it is alive is partial, so what has ended costs
//! nothing. There is none on names: it would be the only one that grows in random places,
//! and looking through a million runs for a name takes a person less than a blink.
//! `ready_at` is set exactly while a run can be claimed, from that time on.
//! `worker` is set exactly while a run is leased, which is also when it holds a slot.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::sql::Sql;
use store::{StoreError, StoreResult};

/// Marks the file as one of this program ("orch"), so that another program's database is
/// never written to.
const APPLICATION_ID: i64 = 0x6f72_6368;

const FIRST: &str = "
CREATE TABLE components (
    digest   BLOB PRIMARY KEY NOT NULL,
    manifest TEXT NOT NULL,
    size     INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;

CREATE TABLE pools (
    name      TEXT PRIMARY KEY NOT NULL,
    run_limit INTEGER,
    paused    INTEGER NOT NULL,
    created   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO pools (name, run_limit, paused, created)
VALUES ('default-pool', NULL, 0, unixepoch() * 1000000);

CREATE TABLE deployments (
    flow        TEXT NOT NULL,
    name        TEXT NOT NULL,
    component   BLOB NOT NULL REFERENCES components,
    pool        TEXT NOT NULL REFERENCES pools,
    parameters  TEXT NOT NULL,
    tags        TEXT NOT NULL,
    grants      TEXT NOT NULL,
    description TEXT,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    PRIMARY KEY (flow, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE flow_runs (
    no            INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE,
    state         TEXT NOT NULL,
    state_name    TEXT NOT NULL,
    state_message TEXT,
    state_at      INTEGER NOT NULL,
    -- How many states it has been in.
    states        INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    -- How many workers were lost that executed it.
    crashes       INTEGER NOT NULL DEFAULT 0,
    epoch         INTEGER NOT NULL,
    started       INTEGER,
    ended         INTEGER,
    pool          TEXT,
    ready_at      INTEGER,
    reserved_for  BLOB,
    worker        BLOB,
    -- Waiting: how many more of the awaited calls have to settle.
    wake_after    INTEGER,
    journal_len   INTEGER NOT NULL DEFAULT 0,
    logged        INTEGER NOT NULL DEFAULT 0,
    outcome       TEXT
) STRICT;
CREATE INDEX flow_runs_ready ON flow_runs (pool, ready_at)
    WHERE ready_at IS NOT NULL AND reserved_for IS NULL;
CREATE INDEX flow_runs_reserved ON flow_runs (reserved_for, ready_at)
    WHERE reserved_for IS NOT NULL AND ended IS NULL;
CREATE INDEX flow_runs_told ON flow_runs (worker)
    WHERE worker IS NOT NULL AND state IN ('CANCELLING', 'PAUSED');
CREATE INDEX flow_runs_unfinished ON flow_runs (pool, worker, reserved_for)
    WHERE ended IS NULL;

CREATE TABLE flow_run_specs (
    no              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL,
    flow            TEXT NOT NULL,
    deployment      TEXT,
    component       BLOB NOT NULL,
    work_queue      TEXT,
    grants          TEXT,
    tags            TEXT,
    parent          BLOB,
    within          BLOB,
    idempotency_key TEXT,
    created         INTEGER NOT NULL,
    scheduled       INTEGER NOT NULL,
    parameters      TEXT NOT NULL
) STRICT;
CREATE INDEX flow_run_specs_parent ON flow_run_specs (parent) WHERE parent IS NOT NULL;
CREATE INDEX flow_run_specs_within ON flow_run_specs (within) WHERE within IS NOT NULL;
CREATE UNIQUE INDEX flow_run_specs_key ON flow_run_specs (flow, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE flow_run_states (
    run     INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    state   TEXT NOT NULL,
    name    TEXT NOT NULL,
    message TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    run        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    due_at     INTEGER,
    -- The epoch under which the run waited for this call.
    awaited    INTEGER,
    settled_at INTEGER,
    call       TEXT NOT NULL,
    answer     TEXT NOT NULL,
    settlement TEXT,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_due ON journal (due_at) WHERE due_at IS NOT NULL AND settled_at IS NULL;

-- What earlier attempts have finished. The answer names a task run or a flow run, so what is
-- reused by an attempt is not kept twice.
CREATE TABLE journal_kept (
    no         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    settled_at INTEGER,
    call       TEXT NOT NULL,
    answer     TEXT NOT NULL,
    settlement TEXT,
    UNIQUE (run, answer)
) STRICT;

CREATE TABLE watches (
    target INTEGER NOT NULL,
    run    INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (target, run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_runs (
    no       INTEGER PRIMARY KEY,
    id       BLOB NOT NULL UNIQUE,
    flow_run BLOB NOT NULL,
    journal  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    task     TEXT NOT NULL,
    name     TEXT NOT NULL,
    tags     TEXT,
    attempt  INTEGER NOT NULL,
    state    TEXT NOT NULL,
    history  TEXT NOT NULL
) STRICT;
CREATE INDEX task_runs_journal ON task_runs (journal);

CREATE TABLE logs (
    no       INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    level    INTEGER NOT NULL,
    source   INTEGER NOT NULL,
    task_run BLOB,
    target   TEXT NOT NULL,
    message  TEXT NOT NULL
) STRICT;
CREATE INDEX logs_run ON logs (run);

CREATE TABLE workers (
    id          BLOB PRIMARY KEY NOT NULL,
    name        TEXT NOT NULL,
    pool        TEXT,
    run_limit   INTEGER NOT NULL,
    pid         INTEGER NOT NULL,
    host        TEXT NOT NULL,
    started     INTEGER NOT NULL,
    heartbeat   INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 0x6f726368;
";

/// Task runs that await their next attempt.
const TASK_RETRIES: &str = "ALTER TABLE task_runs ADD COLUMN retry_at INTEGER;";

/// Where in the journals runs have asked people for something.
const INPUTS: &str = "
CREATE TABLE inputs (
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
";

/// Which entries the next attempt is given: marked when they are made, and again when they
/// settle. What was there before is marked by the beginnings of its texts, since parsing
/// them could fail.
const KEEP: &str = r#"
ALTER TABLE journal ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;
UPDATE journal SET keep = 1
WHERE settlement GLOB '{"task":{"Ok":*'
   OR settlement GLOB '{"input":{"Ok":*'
   OR call GLOB '{"run-deployment":*' AND instr(settlement, '"state":"COMPLETED"') > 0
   OR settlement IS NULL AND call GLOB '{"run-deployment":*' AND answer GLOB '{"run":*';
"#;

/// The name by which a new attempt finds what an earlier one has kept.
const IDENTITIES: &str = "ALTER TABLE journal_kept ADD COLUMN identity TEXT;";

/// The stream of events: a row a commit, in the order of the commits. The table is never empty,
/// so that numbers only grow.
const EVENTS: &str = "
CREATE TABLE events (
    no      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    -- Of the opening of the database that wrote it.
    tag     INTEGER NOT NULL,
    -- Bytes of the stream up to and with this row.
    total   INTEGER NOT NULL,
    changes BLOB NOT NULL
) STRICT;
INSERT INTO events (no, at, tag, total, changes)
VALUES (1, unixepoch() * 1000000, random(), 0, x'01');
";

/// What listings look for and few runs are: an index of all would cost every run.
const LISTINGS: &str = "
CREATE INDEX flow_runs_unsuccessful ON flow_runs (no)
    WHERE state IN ('FAILED', 'CRASHED', 'CANCELLED');
CREATE INDEX flow_runs_failed ON flow_runs (ended)
    WHERE state IN ('FAILED', 'CRASHED') AND pool IS NOT NULL;
";

/// Who may use the server, what they did, and what they were answered.
const ACCESS: &str = "
CREATE TABLE tokens (
    id        BLOB PRIMARY KEY NOT NULL,
    name      TEXT NOT NULL,
    role      TEXT NOT NULL,
    secret    BLOB NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER,
    revoked   INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked IS NULL;

CREATE TABLE sign_in_links (
    secret BLOB PRIMARY KEY NOT NULL,
    token  BLOB NOT NULL REFERENCES tokens,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    secret    BLOB PRIMARY KEY NOT NULL,
    id        BLOB NOT NULL UNIQUE,
    token     BLOB NOT NULL REFERENCES tokens,
    opened    INTEGER NOT NULL,
    last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    no      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request BLOB
) STRICT;

-- Answers to requests that may come again. Without a status it is not answered yet.
CREATE TABLE answers (
    token       BLOB NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    begun       INTEGER NOT NULL,
    status      INTEGER,
    headers     TEXT,
    body        BLOB,
    PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;
";

/// Numbers for what runs are counted under, totals of ended runs, and what is in each block of
/// runs. What is there already is counted here. Inputs that nobody waits for are given up.
const TOTALS: &str = "
CREATE TABLE run_origins (
    no         INTEGER PRIMARY KEY,
    flow       TEXT NOT NULL,
    deployment TEXT
) STRICT;
CREATE UNIQUE INDEX run_origins_names ON run_origins (flow, coalesce(deployment, ''));

CREATE TABLE run_tallies (
    -- Since 1970; that of an hour's beginning when the hour is long past.
    minute   INTEGER NOT NULL,
    origin   INTEGER NOT NULL,
    state    TEXT NOT NULL,
    count    INTEGER NOT NULL,
    total_ms INTEGER NOT NULL,
    PRIMARY KEY (minute, origin, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_blocks (
    no    INTEGER PRIMARY KEY,
    -- When the first and the last of its runs were created.
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;
CREATE TABLE run_block_origins (
    origin INTEGER NOT NULL,
    block  INTEGER NOT NULL,
    PRIMARY KEY (origin, block)
) STRICT, WITHOUT ROWID;

ALTER TABLE flow_runs ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;

DELETE FROM inputs WHERE NOT EXISTS (
    SELECT 1 FROM journal j JOIN flow_runs r ON r.no = j.run
    WHERE j.run = inputs.run AND j.seq = inputs.seq AND j.settled_at IS NULL
        AND r.ended IS NULL
);

INSERT INTO run_origins (flow, deployment)
SELECT DISTINCT flow, deployment FROM flow_run_specs;

UPDATE flow_runs SET origin = (
    SELECT o.no FROM flow_run_specs s
    JOIN run_origins o
        ON o.flow = s.flow AND coalesce(o.deployment, '') = coalesce(s.deployment, '')
    WHERE s.no = flow_runs.no
);

INSERT INTO run_tallies (minute, origin, state, count, total_ms)
SELECT CASE WHEN ended > (unixepoch() - 172800) * 1000000 THEN ended / 60000000
            ELSE ended / 3600000000 * 60 END,
    origin, state, count(*), sum(coalesce(max(ended - started, 0), 0) / 1000)
FROM flow_runs WHERE ended IS NOT NULL GROUP BY 1, 2, 3;

INSERT INTO run_blocks (no, first, last)
SELECT no / 1024, min(created), max(created) FROM flow_run_specs
WHERE no / 1024 < (SELECT coalesce(max(no), 0) / 1024 FROM flow_runs) GROUP BY 1;

INSERT INTO run_block_origins (origin, block)
SELECT DISTINCT r.origin, b.no FROM flow_runs r JOIN run_blocks b ON b.no = r.no / 1024;
";

/// Runs that are gone from sight, of which there still are rows.
const DELETED: &str = "
CREATE TABLE deleted_runs (
    no       INTEGER PRIMARY KEY,
    -- Whether it was the last run, whose row stays until there is a later one.
    has_row  INTEGER NOT NULL,
    is_swept INTEGER NOT NULL DEFAULT 0
) STRICT;
";

/// What a run went through. A line that says nothing more has no more bytes but for the header
/// of its row: 0 and 1 take none.
const PAST: &str = "
ALTER TABLE flow_run_states ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flow_run_states ADD COLUMN worker BLOB;
ALTER TABLE flow_run_states ADD COLUMN cause TEXT;
ALTER TABLE flow_run_states ADD COLUMN waits TEXT;
ALTER TABLE task_runs ADD COLUMN worker BLOB;

CREATE TABLE past_calls (
    run        INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    settled_at INTEGER,
    call       TEXT NOT NULL,
    PRIMARY KEY (run, attempt, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker_names (
    id   BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO worker_names (id, name) SELECT id, name FROM workers;
";

/// Sums that would be read from more rows each month.
const EVER: &str = "
CREATE TABLE run_totals (
    origin   INTEGER NOT NULL,
    state    TEXT NOT NULL,
    count    INTEGER NOT NULL,
    total_ms INTEGER NOT NULL,
    PRIMARY KEY (origin, state)
) STRICT, WITHOUT ROWID;
-- One row: the totals are of all minutes before this one. The writer goes on from there.
CREATE TABLE run_totals_end (minute INTEGER NOT NULL) STRICT;
INSERT INTO run_totals_end (minute) VALUES (0);
";

/// Actions on many runs.
const BULK: &str = "
CREATE TABLE bulk_actions (
    no          INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    asked       TEXT NOT NULL,
    state       TEXT NOT NULL,
    progress    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    lease_until INTEGER
) STRICT;
CREATE INDEX bulk_actions_running ON bulk_actions (no) WHERE state = 'RUNNING';
";

/// Of a worker's program.
const VERSIONS: &str = "ALTER TABLE workers ADD COLUMN version TEXT;";

/// How far a run had come when it was last lost, so that progress clears its losses.
const LOSSES: &str = "
ALTER TABLE flow_runs ADD COLUMN lost_attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flow_runs ADD COLUMN lost_steps INTEGER NOT NULL DEFAULT 0;
";

/// What the guests of a worker use.
const USAGE: &str = "ALTER TABLE workers ADD COLUMN usage TEXT;";

/// What people keep for all runs. A secret is encrypted, under a key that is elsewhere.
const KEPT: &str = "
CREATE TABLE variables (
    name    TEXT PRIMARY KEY NOT NULL,
    value   TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE secrets (
    name    TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    key_id  TEXT NOT NULL,
    sealed  BLOB NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// What runs make for people to look at.
const ARTIFACTS: &str = "
CREATE TABLE artifacts (
    no          INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE,
    run         INTEGER NOT NULL,
    task_run    BLOB,
    key         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    description TEXT,
    data        TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX artifacts_run ON artifacts (run);
CREATE INDEX artifacts_key ON artifacts (key);
";

/// Large JSON texts of runs, compressed, and which run holds which.
const TEXTS: &str = "
CREATE TABLE texts (
    digest BLOB PRIMARY KEY NOT NULL,
    -- Before it was compressed. It was not, if it has as many bytes.
    size   INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE run_texts (
    run    INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (run, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_texts_digest ON run_texts (digest);
";

/// What is kept as bytes. What has them is an upload; a blob that is loose may have lost its last
/// holder.
const BLOBS: &str = "
CREATE TABLE blobs (
    digest  BLOB PRIMARY KEY NOT NULL,
    size    INTEGER NOT NULL,
    created INTEGER NOT NULL,
    upload  BLOB NOT NULL,
    place   TEXT NOT NULL,
    loose   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_loose ON blobs (digest) WHERE loose = 1;
CREATE TABLE run_blobs (
    run    INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (run, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_blobs_digest ON run_blobs (digest);
CREATE TABLE blob_uploads (
    id     BLOB PRIMARY KEY NOT NULL,
    begun  INTEGER NOT NULL,
    place  TEXT NOT NULL,
    parts  TEXT,
    doomed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE blob_bytes (
    upload BLOB NOT NULL,
    seq    INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (upload, seq)
) STRICT;
";

/// What [`FlowRun::earlier`](model::FlowRun::earlier) is, in microseconds.
const EARLIER: &str = "ALTER TABLE flow_runs ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;";

/// A schedule is in one of the two indexes while something may be decided about it.
const SCHEDULES: &str = "
CREATE TABLE schedules (
    id         BLOB PRIMARY KEY NOT NULL,
    flow       TEXT NOT NULL,
    deployment TEXT NOT NULL,
    name       TEXT NOT NULL,
    rule       TEXT NOT NULL,
    paused     INTEGER NOT NULL,
    origin     TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    next_slot  INTEGER,
    last_slot  INTEGER,
    last_run   BLOB,
    held       INTEGER NOT NULL,
    UNIQUE (flow, deployment, name)
) STRICT;
CREATE INDEX schedules_due ON schedules (next_slot)
    WHERE next_slot IS NOT NULL AND NOT paused AND NOT held;
CREATE INDEX schedules_held ON schedules (last_run) WHERE held AND NOT paused;
CREATE TABLE turns (
    duty   TEXT PRIMARY KEY NOT NULL,
    holder BLOB NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// `queues`: the last number that a queue of the pool was given. `starts`: how many of its runs were
/// started where there was a choice. `line`: a run's queue and its priority, in one number. Before,
/// a run could name any queue; those that wait in one have it.
const QUEUES: &str = "
CREATE TABLE work_queues (
    pool      TEXT NOT NULL,
    name      TEXT NOT NULL,
    no        INTEGER NOT NULL,
    priority  INTEGER NOT NULL,
    run_limit INTEGER,
    paused    INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    PRIMARY KEY (pool, name)
) STRICT, WITHOUT ROWID;
ALTER TABLE pools ADD COLUMN queues INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pools ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN work_queue TEXT;
ALTER TABLE deployments ADD COLUMN priority INTEGER;
ALTER TABLE flow_runs ADD COLUMN line INTEGER NOT NULL DEFAULT 50;
INSERT INTO work_queues (pool, name, no, priority, paused, created)
    SELECT name, 'default', 0, 50, 0, created FROM pools;
INSERT INTO work_queues (pool, name, no, priority, paused, created)
    SELECT pool, work_queue, row_number() OVER (PARTITION BY pool ORDER BY work_queue), 50, 0, at
    FROM (
        SELECT r.pool, s.work_queue, min(s.created) AS at
        FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no JOIN pools p ON p.name = r.pool
        WHERE r.ended IS NULL AND s.work_queue IS NOT NULL AND s.work_queue <> 'default'
        GROUP BY 1, 2
    );
UPDATE pools SET queues = (SELECT max(no) FROM work_queues q WHERE q.pool = pools.name);
UPDATE flow_runs SET line = 256 * (
        SELECT q.no FROM flow_run_specs s
        JOIN work_queues q ON q.name = s.work_queue WHERE s.no = flow_runs.no
          AND q.pool = flow_runs.pool
    ) + 50
    WHERE ended IS NULL AND EXISTS (
        SELECT 1 FROM flow_run_specs s
        JOIN work_queues q ON q.name = s.work_queue WHERE s.no = flow_runs.no
          AND q.pool = flow_runs.pool
    );
DROP INDEX flow_runs_ready;
CREATE INDEX flow_runs_ready ON flow_runs (pool, line, ready_at)
    WHERE ready_at IS NOT NULL AND reserved_for IS NULL;
";

/// `settings`: what is done by itself, and when it was done last. `limited`: whether a run takes slots of limits, so that nothing is looked up for those that do
/// not. `permits`: what runs have of limits, and what they wait for. `limit_uses`: what is taken of
/// rate limits.
const LIMITS: &str = "
CREATE TABLE limits (
    name    TEXT PRIMARY KEY NOT NULL,
    slots   INTEGER NOT NULL,
    per     INTEGER,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE permits (
    run        INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    limit_name TEXT NOT NULL,
    line       TEXT NOT NULL,
    slots      INTEGER NOT NULL,
    asked      INTEGER NOT NULL,
    granted    INTEGER,
    PRIMARY KEY (run, seq, limit_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX permits_waiting ON permits (limit_name, line, asked, run, seq)
    WHERE granted IS NULL;
CREATE INDEX permits_taken ON permits (limit_name, line, slots) WHERE granted IS NOT NULL;
CREATE TABLE limit_uses (
    limit_name TEXT NOT NULL,
    line       TEXT NOT NULL,
    slots      INTEGER NOT NULL,
    until      INTEGER NOT NULL
) STRICT;
CREATE INDEX limit_uses_line ON limit_uses (limit_name, line, until);
CREATE INDEX limit_uses_until ON limit_uses (until);
ALTER TABLE flow_runs ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flow_run_specs ADD COLUMN limits TEXT;
ALTER TABLE deployments ADD COLUMN concurrency TEXT;
ALTER TABLE deployments ADD COLUMN limits TEXT;
CREATE TABLE settings (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    done  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Results of tasks that are kept for other runs, and the blobs that they keep.
const CACHE: &str = "
CREATE TABLE cached_results (
    id      BLOB PRIMARY KEY NOT NULL,
    task    TEXT NOT NULL,
    scope   TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    run     BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER
) STRICT;
CREATE INDEX cached_results_created ON cached_results (created);
CREATE INDEX cached_results_task ON cached_results (task, created);
CREATE INDEX cached_results_scope ON cached_results (scope);
CREATE INDEX cached_results_expires ON cached_results (expires) WHERE expires IS NOT NULL;
CREATE TABLE cached_blobs (
    result BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (result, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX cached_blobs_digest ON cached_blobs (digest);
";

const STEPS: &[M<'static>] = &[
    M::up(FIRST),
    M::up(TASK_RETRIES),
    M::up(INPUTS),
    M::up(KEEP),
    M::up(IDENTITIES),
    M::up(EVENTS),
    M::up(LISTINGS),
    M::up(ACCESS),
    M::up(TOTALS),
    M::up(DELETED),
    M::up(PAST),
    M::up(EVER),
    M::up(BULK),
    M::up(VERSIONS),
    M::up(LOSSES),
    M::up(USAGE),
    M::up(KEPT),
    M::up(ARTIFACTS),
    M::up(TEXTS),
    M::up(BLOBS),
    M::up(EARLIER),
    M::up(SCHEDULES),
    M::up(QUEUES),
    M::up(LIMITS),
    M::up(CACHE),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// How many versions of the schema this program knows.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

/// Another process may be migrating at the same time: then this one finds the work done,
/// at the latest after so many looks.
const ATTEMPTS: u32 = 5;

/// Brings the database to this version.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> StoreResult<()> {
    let damaged = |reason: String| StoreError::NotADatabase {
        path: path.to_owned(),
        reason,
    };
    for attempt in 1.. {
        let found = version(conn)?;
        if found == KNOWN && application(conn)? == APPLICATION_ID {
            return Ok(());
        }
        if found > KNOWN && application(conn)? == APPLICATION_ID {
            return Err(StoreError::NewerVersion {
                path: path.to_owned(),
                found,
                known: KNOWN,
            });
        }
        if application(conn)? != APPLICATION_ID && !is_blank(conn)? {
            return Err(of_another(path));
        }
        match MIGRATIONS.to_latest(conn) {
            Ok(()) => tracing::info!(path = %path.display(), version = KNOWN, "database set up"),
            Err(error) if attempt == ATTEMPTS => return Err(damaged(error.to_string())),
            Err(error) => tracing::debug!(%error, attempt, "migration met another process"),
        }
    }
    unreachable!("the loop ends by returning")
}

/// The version of a database, which is left as it is. None: there is nothing in it. Errs if it is of
/// another program.
pub(super) fn found(conn: &Connection, path: &Path) -> StoreResult<Option<i64>> {
    if application(conn)? == APPLICATION_ID {
        return version(conn).map(Some);
    }
    if is_blank(conn)? {
        return Ok(None);
    }
    Err(of_another(path))
}

fn of_another(path: &Path) -> StoreError {
    StoreError::NotADatabase {
        path: path.to_owned(),
        reason: "it holds the tables of another program".to_owned(),
    }
}

fn version(conn: &Connection) -> StoreResult<i64> {
    conn.need("PRAGMA user_version", [], |row| row.get(0))
}

fn application(conn: &Connection) -> StoreResult<i64> {
    conn.need("PRAGMA application_id", [], |row| row.get(0))
}

fn is_blank(conn: &Connection) -> StoreResult<bool> {
    conn.need("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::AsJson;
    use crate::sql::params;
    use model::{
        Answer, Call, Failure, FailureKind, Outcome, Settlement, State, TaskLine, TaskRunId,
    };
    use store::contract::cast::{at, json, new_run, start, task, watch};

    #[test]
    fn the_migrations_apply_and_are_as_many_as_are_known() {
        MIGRATIONS.validate().unwrap();
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, Path::new("memory")).unwrap();
        assert_eq!(version(&conn), Ok(KNOWN));
        migrate(&mut conn, Path::new("memory")).unwrap();
    }

    #[test]
    fn what_a_database_of_the_first_version_holds_is_kept() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(FIRST).unwrap();
        conn.pragma_update(None, "user_version", 1).unwrap();
        let task_run = "INSERT INTO task_runs
                (id, flow_run, journal, seq, task, name, attempt, state, history)
            VALUES (x'01', x'02', 1, 1, 'load', 'load-0', 2, 'RUNNING', '[]')";
        conn.execute_batch(task_run).unwrap();
        let finished = "INSERT INTO journal_kept (run, seq, at, call, answer)
            VALUES (1, 7, 1, '{}', '{}')";
        conn.execute_batch(finished).unwrap();
        migrate(&mut conn, Path::new("memory")).unwrap();
        let kept: StoreResult<(u32, Option<i64>)> = conn.need(
            "SELECT attempt, retry_at FROM task_runs WHERE name = 'load-0'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        assert_eq!(kept, Ok((2, None)));
        let kept: StoreResult<(u32, Option<String>)> =
            conn.need("SELECT seq, identity FROM journal_kept", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        assert_eq!(kept, Ok((7, None)));
    }

    #[test]
    fn runs_of_an_earlier_version_are_counted() {
        let mut conn = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().take_while(|step| **step != M::up(TOTALS));
        MIGRATIONS.to_version(&mut conn, before.count()).unwrap();
        conn.execute_batch(
            "WITH n (value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < 2049)
             INSERT INTO flow_run_specs
                 (no, name, flow, deployment, component, created, scheduled, parameters)
             SELECT value, 'x', iif(value < 1024, 'etl', 'load'),
                 iif(value < 1024, 'etl/nightly', NULL), x'00', value, value, '{}'
             FROM n;
             INSERT INTO flow_runs (no, id, state, state_name, state_at, states, attempt, epoch,
                 started, ended)
             SELECT no, CAST(no AS BLOB), iif(no % 2, 'FAILED', 'RUNNING'), '', 0, 1, 1, 1,
                 iif(no = 1, NULL, unixepoch() * 1000000 - 5000000),
                 iif(no % 2, unixepoch() * 1000000, NULL)
             FROM flow_run_specs;",
        )
        .unwrap();
        migrate(&mut conn, Path::new("memory")).unwrap();
        let lines = |sql: &str| -> Vec<String> { conn.all(sql, [], |row| row.get(0)).unwrap() };
        let tallies = "SELECT concat_ws(' ', flow, deployment, state, sum(count), sum(total_ms))
             FROM run_tallies JOIN run_origins ON no = origin GROUP BY origin";
        assert_eq!(
            lines(tallies),
            [
                "etl etl/nightly FAILED 512 2555000",
                "load FAILED 513 2565000"
            ]
        );
        let blocks = "SELECT concat_ws(' ', b.no, first, last, flow) FROM run_blocks b
             JOIN run_block_origins ON block = b.no JOIN run_origins o ON o.no = origin
             ORDER BY b.no";
        assert_eq!(lines(blocks), ["0 1 1023 etl", "1 1024 2047 load"]);
    }

    /// What it did not keep is told as far as it can be known.
    #[test]
    fn runs_of_an_earlier_version_have_a_past() {
        let mut conn = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().take_while(|step| **step != M::up(PAST));
        MIGRATIONS.to_version(&mut conn, before.count()).unwrap();
        let run = new_run("etl").run.id;
        let history = AsJson(vec![State::running(1, at(2)), State::awaiting_retry(at(3))]);
        conn.execute_batch(
            "INSERT INTO flow_run_specs (no, name, flow, component, created, scheduled, parameters)
             VALUES (1, 'x', 'etl', x'00', 0, 0, '{}');
             INSERT INTO flow_run_states (run, n, state, name, message, at)
             VALUES (1, 1, 'SCHEDULED', 'Scheduled', NULL, 0), (1, 2, 'PENDING', 'Pending', NULL, 1),
                 (1, 3, 'RUNNING', 'Running', NULL, 1),
                 (1, 4, 'SCHEDULED', 'AwaitingRetry', 'no route', 2),
                 (1, 5, 'PENDING', 'Pending', NULL, 3), (1, 6, 'RUNNING', 'Retrying', NULL, 3)",
        )
        .unwrap();
        conn.run(
            "INSERT INTO flow_runs (no, id, state, state_name, state_at, states, attempt, epoch)
             VALUES (1, ?1, 'RUNNING', 'Retrying', 3, 6, 2, 2)",
            [run],
        )
        .unwrap();
        conn.run(
            "INSERT INTO task_runs
                 (id, flow_run, journal, seq, task, name, attempt, state, history)
             VALUES (?1, ?2, 1, 1, 'load', 'load-0', 1, 'SCHEDULED', ?3)",
            params![TaskRunId::generate(), run, history],
        )
        .unwrap();
        migrate(&mut conn, Path::new("memory")).unwrap();

        let history = crate::read::history(&conn, run).unwrap();
        let attempts: Vec<u32> = history.iter().map(|line| line.attempt).collect();
        assert_eq!(attempts, [0, 1, 1, 1, 2, 2]);
        assert!(history.iter().all(|line| line.worker.is_none()));
        assert_eq!(crate::journal::calls(&conn, run, 1), Ok(vec![]));
        let history = conn.need("SELECT history FROM task_runs", [], |row| {
            row.get::<_, AsJson<Vec<TaskLine>>>(0)
        });
        let AsJson(lines) = history.unwrap();
        assert_eq!(lines[1], State::awaiting_retry(at(3)).into());
    }

    /// What an earlier version has written is kept for a retry as if this one had.
    #[test]
    fn entries_of_an_earlier_version_are_marked_by_how_they_settled() {
        #[track_caller]
        fn check(call: &Call, answer: &Answer, settlement: Option<&Settlement>, kept: bool) {
            let mut conn = Connection::open_in_memory().unwrap();
            for step in [FIRST, TASK_RETRIES, INPUTS] {
                conn.execute_batch(step).unwrap();
            }
            conn.pragma_update(None, "user_version", 3).unwrap();
            conn.run(
                "INSERT INTO journal (run, seq, at, settled_at, call, answer, settlement)
                 VALUES (1, 1, 0, ?1, ?2, ?3, ?4)",
                params![
                    settlement.map(|_| 7i64),
                    AsJson(call),
                    AsJson(answer),
                    settlement.map(AsJson)
                ],
            )
            .unwrap();
            migrate(&mut conn, Path::new("memory")).unwrap();
            let found = conn.need("SELECT keep FROM journal", [], |row| row.get::<_, bool>(0));
            assert_eq!(found, Ok(kept), "{call} {settlement:?}");
        }

        let child = new_run("part").run;
        let started = start(1, &child);
        let ended = |outcome: Outcome| {
            let mut run = child.snapshot();
            let state = State::ended(&outcome, at(1));
            (run.state, run.state_name, run.outcome) = (state.kind, state.name, Some(outcome));
            Settlement::Run(run)
        };
        let done = || Ok(json(r#"{"state":"FAILED"}"#));
        let failed = || {
            let message = r#""state":"COMPLETED""#;
            Err(Failure::new(FailureKind::Error, message))
        };
        let settlements = [
            (Settlement::Task(done()), true),
            (Settlement::Task(failed()), false),
            (Settlement::Input(done()), true),
            (Settlement::Input(failed()), false),
            (ended(done()), true),
            (ended(failed()), false),
            (Settlement::Timer, false),
        ];
        for (settlement, kept) in &settlements {
            check(&started.call, &started.answer, Some(settlement), *kept);
        }
        // Whoever only watches a run does not keep it.
        let watch = watch(1, child.id);
        check(&watch.call, &watch.answer, Some(&ended(done())), false);
        // A child that goes on is kept, and nothing else that is open.
        check(&started.call, &started.answer, None, true);
        let refused = Answer::Refused {
            failure: Failure::new(FailureKind::NotFound, "no such deployment"),
        };
        check(&started.call, &refused, None, false);
        let task = task(1);
        check(&task.call, &task.answer, None, false);
    }
}
