-- When runs of deployments are made by themselves. A schedule is in one of the two indexes while
-- something may be decided about it.
CREATE TABLE schedules (
    id         uuid PRIMARY KEY,
    flow       text NOT NULL,
    deployment text NOT NULL,
    name       text NOT NULL,
    rule       text NOT NULL,
    paused     boolean NOT NULL,
    origin     text NOT NULL,
    created    bigint NOT NULL,
    updated    bigint NOT NULL,
    next_slot  bigint,
    last_slot  bigint,
    last_run   uuid,
    held       boolean NOT NULL,
    UNIQUE (flow, deployment, name)
);
CREATE INDEX schedules_due ON schedules (next_slot)
    WHERE next_slot IS NOT NULL AND NOT paused AND NOT held;
CREATE INDEX schedules_held ON schedules (last_run) WHERE held AND NOT paused;
-- Which process makes them.
CREATE TABLE turns (
    duty   text PRIMARY KEY,
    holder uuid NOT NULL,
    until  bigint NOT NULL
);
