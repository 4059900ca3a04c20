-- The oldest version of the tables that a program has to know to work with this database.
ALTER TABLE version ADD COLUMN oldest bigint NOT NULL DEFAULT 1;

-- Of a worker's program. Null: the program is from before it said so.
ALTER TABLE workers ADD COLUMN version text;

-- The last transactions of the processes that left no row in `events`: see `writer/outcome.rs`.
CREATE TABLE commits (
    no  bigint PRIMARY KEY,
    tag bigint NOT NULL,
    at  bigint NOT NULL
) WITH (fillfactor = 50);

-- Found by a plain scan, as everything else is.
CREATE INDEX flow_run_specs_created_at ON flow_run_specs (created);
DROP INDEX flow_run_specs_created;
