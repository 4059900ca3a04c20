//! The tables that a copy of a database has, in an order in which rows may be added.
//!
//! Left out is what an engine makes of these: blocks of runs, totals of all time, runs that are
//! deleted and not swept yet, turns, what is taken of rate limits.

/// A table, as both engines have it.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// So many of the first columns tell rows apart. They are never null.
    pub key: usize,
    pub columns: &'static [Column],
    /// Whether rows have new numbers in the copy, in the same order. Then the key says nothing.
    pub is_renumbered: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// What the copy has there, whatever the original has.
    pub fixed: Option<i64>,
}

/// What a column holds, unless it is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Text,
    Bytes,
    Uuid,
}

impl Table {
    pub fn key_columns(&self) -> &'static [Column] {
        &self.columns[..self.key]
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        fixed: None,
    }
}

const fn bool(name: &'static str) -> Column {
    column(name, Kind::Bool)
}

const fn int(name: &'static str) -> Column {
    column(name, Kind::Int)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes)
}

const fn uuid(name: &'static str) -> Column {
    column(name, Kind::Uuid)
}

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table {
        name,
        key,
        columns,
        is_renumbered: false,
    }
}

/// All of them.
pub static TABLES: [Table; 40] = [
    table(
        "components",
        1,
        &[
            // The order in which they came.
            int("no"),
            bytes("digest"),
            text("manifest"),
            int("size"),
            int("created"),
            bytes("bytes"),
        ],
    ),
    table(
        "pools",
        1,
        &[
            text("name"),
            int("run_limit"),
            bool("paused"),
            int("created"),
            int("queues"),
            int("starts"),
        ],
    ),
    table(
        "limits",
        1,
        &[text("name"), int("slots"), int("per"), int("created")],
    ),
    table("settings", 1, &[text("name"), text("value"), int("done")]),
    table(
        "permits",
        3,
        &[
            int("run"),
            int("seq"),
            text("limit_name"),
            text("line"),
            int("slots"),
            int("asked"),
            int("granted"),
        ],
    ),
    table(
        "work_queues",
        2,
        &[
            text("pool"),
            text("name"),
            int("no"),
            int("priority"),
            int("run_limit"),
            bool("paused"),
            int("created"),
        ],
    ),
    table(
        "deployments",
        2,
        &[
            text("flow"),
            text("name"),
            bytes("component"),
            text("pool"),
            text("parameters"),
            text("tags"),
            text("grants"),
            text("description"),
            int("created"),
            int("updated"),
            text("work_queue"),
            int("priority"),
            text("concurrency"),
            text("limits"),
        ],
    ),
    table(
        "schedules",
        1,
        &[
            uuid("id"),
            text("flow"),
            text("deployment"),
            text("name"),
            text("rule"),
            bool("paused"),
            text("origin"),
            int("created"),
            int("updated"),
            int("next_slot"),
            int("last_slot"),
            uuid("last_run"),
            bool("held"),
        ],
    ),
    table(
        "run_origins",
        1,
        &[int("no"), text("flow"), text("deployment")],
    ),
    table(
        "flow_runs",
        1,
        &[
            int("no"),
            uuid("id"),
            text("state"),
            text("state_name"),
            text("state_message"),
            int("state_at"),
            int("states"),
            int("attempt"),
            int("crashes"),
            int("lost_attempt"),
            int("lost_steps"),
            int("epoch"),
            int("started"),
            int("earlier"),
            int("ended"),
            text("pool"),
            int("line"),
            bool("limited"),
            int("ready_at"),
            uuid("reserved_for"),
            uuid("worker"),
            int("wake_after"),
            int("journal_len"),
            int("logged"),
            int("origin"),
            text("outcome"),
        ],
    ),
    table(
        "flow_run_specs",
        1,
        &[
            int("no"),
            text("name"),
            text("flow"),
            text("deployment"),
            bytes("component"),
            text("work_queue"),
            text("grants"),
            text("tags"),
            uuid("parent"),
            uuid("within"),
            text("idempotency_key"),
            int("created"),
            int("scheduled"),
            text("parameters"),
            text("limits"),
        ],
    ),
    table(
        "flow_run_states",
        2,
        &[
            int("run"),
            int("n"),
            text("state"),
            text("name"),
            text("message"),
            int("at"),
            int("attempt"),
            uuid("worker"),
            text("cause"),
            text("waits"),
        ],
    ),
    table(
        "journal",
        2,
        &[
            int("run"),
            int("seq"),
            int("at"),
            int("due_at"),
            int("awaited"),
            int("settled_at"),
            bool("keep"),
            text("call"),
            text("answer"),
            text("settlement"),
        ],
    ),
    table(
        "journal_kept",
        1,
        &[
            int("no"),
            int("run"),
            int("seq"),
            int("at"),
            int("settled_at"),
            text("call"),
            text("answer"),
            text("settlement"),
            text("identity"),
        ],
    ),
    table("inputs", 2, &[int("run"), int("seq")]),
    table("watches", 3, &[int("target"), int("run"), int("seq")]),
    table(
        "past_calls",
        3,
        &[
            int("run"),
            int("attempt"),
            int("seq"),
            int("at"),
            int("settled_at"),
            text("call"),
        ],
    ),
    table("texts", 1, &[bytes("digest"), int("size"), bytes("bytes")]),
    table("run_texts", 2, &[int("run"), bytes("digest")]),
    table(
        "task_runs",
        1,
        &[
            int("no"),
            uuid("id"),
            uuid("flow_run"),
            int("journal"),
            int("seq"),
            text("task"),
            text("name"),
            text("tags"),
            int("attempt"),
            text("state"),
            text("history"),
            int("retry_at"),
            uuid("worker"),
        ],
    ),
    table(
        "logs",
        1,
        &[
            int("no"),
            int("run"),
            int("at"),
            int("level"),
            int("source"),
            uuid("task_run"),
            text("target"),
            text("message"),
        ],
    ),
    table(
        "workers",
        1,
        &[
            uuid("id"),
            text("name"),
            text("pool"),
            int("run_limit"),
            int("pid"),
            text("host"),
            int("started"),
            int("heartbeat"),
            // They are gone, and what they had goes to others at once.
            Column {
                fixed: Some(0),
                ..int("lease_until")
            },
            text("version"),
            text("usage"),
        ],
    ),
    table("worker_names", 1, &[uuid("id"), text("name")]),
    table(
        "run_tallies",
        3,
        &[
            int("minute"),
            int("origin"),
            text("state"),
            int("count"),
            int("total_ms"),
        ],
    ),
    table(
        "bulk_actions",
        1,
        &[
            int("no"),
            uuid("id"),
            text("asked"),
            text("state"),
            text("progress"),
            int("at"),
            int("epoch"),
            int("lease_until"),
        ],
    ),
    table(
        "variables",
        1,
        &[text("name"), text("value"), int("updated")],
    ),
    table(
        "secrets",
        1,
        &[
            text("name"),
            int("version"),
            text("key_id"),
            bytes("sealed"),
            int("updated"),
        ],
    ),
    table(
        "artifacts",
        1,
        &[
            int("no"),
            uuid("id"),
            int("run"),
            uuid("task_run"),
            text("key"),
            text("kind"),
            text("description"),
            text("data"),
            int("at"),
        ],
    ),
    table(
        "blobs",
        1,
        &[
            bytes("digest"),
            int("size"),
            int("created"),
            uuid("upload"),
            text("place"),
            bool("loose"),
        ],
    ),
    table("run_blobs", 2, &[int("run"), bytes("digest")]),
    table(
        "cached_results",
        1,
        &[
            bytes("id"),
            text("task"),
            text("scope"),
            text("key"),
            text("value"),
            uuid("run"),
            int("created"),
            int("expires"),
        ],
    ),
    table("cached_blobs", 2, &[bytes("result"), bytes("digest")]),
    table(
        "blob_uploads",
        1,
        &[
            uuid("id"),
            int("begun"),
            text("place"),
            text("parts"),
            bool("doomed"),
        ],
    ),
    table(
        "blob_bytes",
        2,
        &[uuid("upload"), int("seq"), bytes("bytes")],
    ),
    table(
        "tokens",
        1,
        &[
            uuid("id"),
            text("name"),
            text("role"),
            bytes("secret"),
            int("created"),
            int("expires"),
            int("last_used"),
            int("revoked"),
        ],
    ),
    table(
        "sign_in_links",
        1,
        &[bytes("secret"), uuid("token"), int("until")],
    ),
    table(
        "sessions",
        1,
        &[
            bytes("secret"),
            uuid("id"),
            uuid("token"),
            int("opened"),
            int("last_used"),
        ],
    ),
    table(
        "audit",
        1,
        &[
            int("no"),
            int("at"),
            text("who"),
            text("action"),
            text("target"),
            text("outcome"),
            uuid("request"),
        ],
    ),
    table(
        "answers",
        2,
        &[
            uuid("token"),
            text("key"),
            bytes("fingerprint"),
            int("begun"),
            int("status"),
            text("headers"),
            bytes("body"),
        ],
    ),
    // A row is what was told at once: a part of a row, where an engine has several in one.
    Table {
        name: "events",
        key: 2,
        columns: &[int("no"), int("part"), int("at"), bytes("changes")],
        is_renumbered: true,
    },
];
