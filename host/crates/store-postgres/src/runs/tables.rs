//! What is written of runs: rows of three tables, and the changes of a run's row.

use crate::tx::{Bulk, How};

pub(super) static RUNS: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("id", "uuid"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("attempt", "bigint"),
        ("epoch", "bigint"),
        ("started", "bigint"),
        ("pool", "text"),
        ("ready_at", "bigint"),
        ("reserved_for", "uuid"),
        ("origin", "bigint"),
        ("line", "bigint"),
        ("limited", "boolean"),
    ],
    keys: 1,
    how: How::Insert { conflict: "" },
};

pub(super) static SPECS: Bulk = Bulk {
    table: "flow_run_specs",
    columns: &[
        ("no", "bigint"),
        ("name", "text"),
        ("flow", "text"),
        ("deployment", "text"),
        ("component", "bytea"),
        ("work_queue", "text"),
        ("grants", "text"),
        ("tags", "text"),
        ("parent", "uuid"),
        ("within", "uuid"),
        ("idempotency_key", "text"),
        ("created", "bigint"),
        ("scheduled", "bigint"),
        ("parameters", "text"),
        ("limits", "text"),
    ],
    keys: 0,
    how: How::Insert { conflict: "" },
};

pub(super) static STATES: Bulk = Bulk {
    table: "flow_run_states",
    columns: &[
        ("run", "bigint"),
        ("n", "bigint"),
        ("state", "text"),
        ("name", "text"),
        ("message", "text"),
        ("at", "bigint"),
        ("attempt", "bigint"),
        ("worker", "uuid"),
        ("cause", "text"),
        ("waits", "text"),
    ],
    keys: 0,
    how: How::Insert { conflict: "" },
};

/// A run has gone on, within its state.
pub(super) static COUNTED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
    ],
    keys: 1,
    how: How::Update { but: "", given: 0 },
};

/// A run is in another state. Leaves alone what the indexes hold.
pub(super) static ADVANCED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
    ],
    keys: 1,
    how: How::Update { but: "", given: 0 },
};

/// A run gives up its lease in this state.
pub(super) static LEFT: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
        ("ready_at", "bigint"),
        ("wake_after", "bigint"),
        ("attempt", "bigint"),
        ("spent", "bigint"),
    ],
    keys: 1,
    how: How::Update {
        but: "earlier = t.earlier + u.spent, worker = NULL",
        given: 1,
    },
};

/// A worker takes a run.
pub(super) static CLAIMED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("attempt", "bigint"),
        ("epoch", "bigint"),
        ("worker", "uuid"),
    ],
    keys: 1,
    how: How::Update {
        but: "ready_at = NULL, wake_after = NULL",
        given: 0,
    },
};

/// A run is put into a state from outside.
pub(super) static ENTERED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("ready_at", "bigint"),
        ("crashes", "bigint"),
        ("lost_attempt", "bigint"),
        ("lost_steps", "bigint"),
        ("keeps_lease", "boolean"),
        ("keeps_reservation", "boolean"),
    ],
    keys: 1,
    how: How::Update {
        but: "wake_after = NULL,
             worker = CASE WHEN u.keeps_lease THEN t.worker END,
             reserved_for = CASE WHEN u.keeps_reservation THEN t.reserved_for END",
        given: 2,
    },
};

/// A run stays where it is, without its lease.
pub(super) static GIVEN_UP: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
        ("crashes", "bigint"),
        ("lost_attempt", "bigint"),
        ("lost_steps", "bigint"),
        ("keeps_reservation", "boolean"),
        ("is_ready_at", "bigint"),
    ],
    keys: 1,
    how: How::Update {
        but: "worker = NULL, ready_at = coalesce(u.is_ready_at, t.ready_at),
             reserved_for = CASE WHEN u.keeps_reservation THEN t.reserved_for END",
        given: 2,
    },
};

/// A run that was over begins anew.
pub(super) static REOPENED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
        ("attempt", "bigint"),
        ("ready_at", "bigint"),
        ("spent", "bigint"),
    ],
    keys: 1,
    how: How::Update {
        but: "earlier = t.earlier + u.spent, crashes = 0, lost_attempt = 0, lost_steps = 0, ended = NULL, outcome = NULL, reserved_for = NULL",
        given: 1,
    },
};

/// A run is over.
pub(super) static ENDED: Bulk = Bulk {
    table: "flow_runs",
    columns: &[
        ("no", "bigint"),
        ("state", "text"),
        ("state_name", "text"),
        ("state_message", "text"),
        ("state_at", "bigint"),
        ("states", "bigint"),
        ("started", "bigint"),
        ("journal_len", "bigint"),
        ("logged", "bigint"),
        ("outcome", "text"),
    ],
    keys: 1,
    how: How::Update {
        but: "ended = u.state_at, worker = NULL, ready_at = NULL, wake_after = NULL",
        given: 0,
    },
};

/// A waiting run needs so many more settlements.
pub(super) static COUNTED_DOWN: Bulk = Bulk {
    table: "flow_runs",
    columns: &[("no", "bigint"), ("wake_after", "bigint")],
    keys: 1,
    how: How::Update { but: "", given: 0 },
};

/// A waiting run has what it needs.
pub(super) static WOKEN: Bulk = Bulk {
    table: "flow_runs",
    columns: &[("no", "bigint"), ("ready_at", "bigint")],
    keys: 1,
    how: How::Update {
        but: "wake_after = 0",
        given: 0,
    },
};
