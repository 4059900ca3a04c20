CREATE TABLE components (
    digest   bytea PRIMARY KEY,
    manifest text NOT NULL,
    size     bigint NOT NULL,
    created  bigint NOT NULL,
    no       bigint GENERATED ALWAYS AS IDENTITY,
    bytes    bytea NOT NULL
);
-- They are compressed as little as anything else that is machine code.
ALTER TABLE components ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE pools (
    name      text COLLATE "C" PRIMARY KEY,
    run_limit bigint,
    paused    boolean NOT NULL,
    created   bigint NOT NULL
);
INSERT INTO pools (name, run_limit, paused, created)
VALUES ('default-pool', NULL, false, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

CREATE TABLE deployments (
    flow        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    component   bytea NOT NULL REFERENCES components,
    pool        text COLLATE "C" NOT NULL REFERENCES pools,
    parameters  text NOT NULL,
    tags        text NOT NULL,
    grants      text NOT NULL,
    description text,
    created     bigint NOT NULL,
    updated     bigint NOT NULL,
    PRIMARY KEY (flow, name)
);

CREATE SEQUENCE run_numbers;

-- What changes about a run: small rows, rewritten a few times. Room is left on each page, so that a
-- new version of a row stays beside the old one where no index changes.
CREATE TABLE flow_runs (
    no            bigint PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    state         text NOT NULL,
    state_name    text NOT NULL,
    state_message text,
    state_at      bigint NOT NULL,
    states        bigint NOT NULL,
    attempt       bigint NOT NULL,
    crashes       bigint NOT NULL DEFAULT 0,
    epoch         bigint NOT NULL,
    started       bigint,
    ended         bigint,
    pool          text COLLATE "C",
    ready_at      bigint,
    reserved_for  uuid,
    worker        uuid,
    wake_after    bigint,
    journal_len   bigint NOT NULL DEFAULT 0,
    logged        bigint NOT NULL DEFAULT 0,
    origin        bigint NOT NULL,
    outcome       text
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX flow_runs_ready ON flow_runs (pool, ready_at, no)
    WHERE ready_at IS NOT NULL AND reserved_for IS NULL;
CREATE INDEX flow_runs_reserved ON flow_runs (reserved_for, ready_at)
    WHERE reserved_for IS NOT NULL AND ended IS NULL;
CREATE INDEX flow_runs_leased ON flow_runs (worker) WHERE worker IS NOT NULL;
CREATE INDEX flow_runs_active ON flow_runs (pool)
    WHERE worker IS NOT NULL AND reserved_for IS NULL AND ended IS NULL;
CREATE INDEX flow_runs_unfinished ON flow_runs (no) WHERE ended IS NULL;
CREATE INDEX flow_runs_unsuccessful ON flow_runs (no)
    WHERE state IN ('FAILED', 'CRASHED', 'CANCELLED');
CREATE INDEX flow_runs_failed ON flow_runs (ended)
    WHERE state IN ('FAILED', 'CRASHED') AND pool IS NOT NULL;
CREATE INDEX flow_runs_origin ON flow_runs (origin, no);

CREATE TABLE flow_run_specs (
    no              bigint PRIMARY KEY,
    name            text COLLATE "C" NOT NULL,
    flow            text COLLATE "C" NOT NULL,
    deployment      text COLLATE "C",
    component       bytea NOT NULL,
    work_queue      text,
    grants          text,
    tags            text,
    parent          uuid,
    within          uuid,
    idempotency_key text,
    created         bigint NOT NULL,
    scheduled       bigint NOT NULL,
    parameters      text NOT NULL
);
CREATE INDEX flow_run_specs_name ON flow_run_specs (name);
CREATE INDEX flow_run_specs_parent ON flow_run_specs (parent, no) WHERE parent IS NOT NULL;
CREATE INDEX flow_run_specs_within ON flow_run_specs (within) WHERE within IS NOT NULL;
CREATE INDEX flow_run_specs_created ON flow_run_specs USING brin (created);
CREATE UNIQUE INDEX flow_run_specs_key ON flow_run_specs (flow, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE TABLE flow_run_states (
    run     bigint NOT NULL,
    n       bigint NOT NULL,
    state   text NOT NULL,
    name    text NOT NULL,
    message text,
    at      bigint NOT NULL,
    attempt bigint NOT NULL,
    worker  uuid,
    cause   text,
    waits   text,
    PRIMARY KEY (run, n)
);

CREATE TABLE journal (
    run        bigint NOT NULL,
    seq        bigint NOT NULL,
    at         bigint NOT NULL,
    due_at     bigint,
    awaited    bigint,
    settled_at bigint,
    keep       boolean NOT NULL,
    call       text NOT NULL,
    answer     text NOT NULL,
    settlement text,
    PRIMARY KEY (run, seq)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX journal_due ON journal (due_at) WHERE due_at IS NOT NULL AND settled_at IS NULL;

CREATE TABLE journal_kept (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run        bigint NOT NULL,
    seq        bigint NOT NULL,
    at         bigint NOT NULL,
    settled_at bigint,
    call       text NOT NULL,
    answer     text NOT NULL,
    settlement text,
    identity   text
);
-- An answer may be longer than an entry of an index.
CREATE UNIQUE INDEX journal_kept_answer ON journal_kept (run, md5(answer));

CREATE TABLE inputs (
    run bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE watches (
    target bigint NOT NULL,
    run    bigint NOT NULL,
    seq    bigint NOT NULL,
    PRIMARY KEY (target, run, seq)
);
CREATE INDEX watches_run ON watches (run);

CREATE TABLE past_calls (
    run        bigint NOT NULL,
    attempt    bigint NOT NULL,
    seq        bigint NOT NULL,
    at         bigint NOT NULL,
    settled_at bigint,
    call       text NOT NULL,
    PRIMARY KEY (run, attempt, seq)
);

CREATE TABLE task_runs (
    no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       uuid NOT NULL UNIQUE,
    flow_run uuid NOT NULL,
    journal  bigint NOT NULL,
    seq      bigint NOT NULL,
    task     text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    tags     text,
    attempt  bigint NOT NULL,
    state    text NOT NULL,
    history  text NOT NULL,
    retry_at bigint,
    worker   uuid
) WITH (fillfactor = 85);
CREATE INDEX task_runs_journal ON task_runs (journal, no);

CREATE SEQUENCE log_blocks;

CREATE TABLE logs (
    no       bigint PRIMARY KEY,
    run      bigint NOT NULL,
    at       bigint NOT NULL,
    level    bigint NOT NULL,
    source   bigint NOT NULL,
    task_run uuid,
    target   text NOT NULL,
    message  text NOT NULL
);
CREATE INDEX logs_run ON logs (run, no);

CREATE TABLE workers (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    pool        text COLLATE "C",
    run_limit   bigint NOT NULL,
    pid         bigint NOT NULL,
    host        text NOT NULL,
    started     bigint NOT NULL,
    heartbeat   bigint NOT NULL,
    lease_until bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE worker_names (
    id   uuid PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE run_origins (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow       text COLLATE "C" NOT NULL,
    deployment text COLLATE "C"
);
CREATE UNIQUE INDEX run_origins_names ON run_origins (flow, coalesce(deployment, ''));

CREATE TABLE run_tallies (
    minute   bigint NOT NULL,
    origin   bigint NOT NULL,
    state    text NOT NULL,
    shard    bigint NOT NULL,
    count    bigint NOT NULL,
    total_ms bigint NOT NULL,
    PRIMARY KEY (minute, origin, state, shard)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- A row a transaction, in the order of their numbers.
CREATE TABLE events (
    no      bigint PRIMARY KEY,
    tag     bigint NOT NULL,
    at      bigint NOT NULL,
    bytes   bigint NOT NULL,
    changes bytea[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
INSERT INTO events (no, tag, at, bytes, changes)
VALUES (pg_current_xact_id()::text::bigint, floor(random() * 9007199254740992)::bigint,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0, '{}');

CREATE TABLE bulk_actions (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    asked       text NOT NULL,
    state       text NOT NULL,
    progress    text NOT NULL,
    at          bigint NOT NULL,
    epoch       bigint NOT NULL,
    lease_until bigint
);
CREATE INDEX bulk_actions_running ON bulk_actions (no) WHERE state = 'RUNNING';

CREATE TABLE tokens (
    id        uuid PRIMARY KEY,
    name      text COLLATE "C" NOT NULL,
    role      text NOT NULL,
    secret    bytea NOT NULL UNIQUE,
    created   bigint NOT NULL,
    expires   bigint,
    last_used bigint,
    revoked   bigint
);
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked IS NULL;

CREATE TABLE sign_in_links (
    secret bytea PRIMARY KEY,
    token  uuid NOT NULL REFERENCES tokens,
    until  bigint NOT NULL
);

CREATE TABLE sessions (
    secret    bytea PRIMARY KEY,
    id        uuid NOT NULL UNIQUE,
    token     uuid NOT NULL REFERENCES tokens,
    opened    bigint NOT NULL,
    last_used bigint NOT NULL
);

CREATE TABLE audit (
    no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      bigint NOT NULL,
    who     text NOT NULL,
    action  text NOT NULL,
    target  text NOT NULL,
    outcome text NOT NULL,
    request uuid
);

CREATE TABLE answers (
    token       uuid NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    begun       bigint NOT NULL,
    status      bigint,
    headers     text,
    body        bytea,
    PRIMARY KEY (token, key)
);

-- All transactions of this database before this number have ended, in the snapshot that asks. Cheap:
-- those of all databases of the server. Otherwise, of the transactions that go on, those are left out
-- whose process is known to be in another database.
CREATE FUNCTION horizon(is_cheap boolean) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN is_cheap THEN pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ELSE coalesce((
        SELECT min(x::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) x
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'
              AND l.transactionid::text::bigint = x::text::bigint & 4294967295
              AND a.datname <> current_database()
        )
    ), pg_snapshot_xmax(pg_current_snapshot())::text::bigint) END
$$;
