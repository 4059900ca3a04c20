-- How many runs may do something at once; what runs have of that, and what they wait for; and what
-- is taken of rate limits.
CREATE TABLE limits (
    name    text COLLATE "C" PRIMARY KEY,
    slots   bigint NOT NULL,
    per     bigint,
    created bigint NOT NULL
);
CREATE TABLE permits (
    run        bigint NOT NULL,
    seq        bigint NOT NULL,
    limit_name text COLLATE "C" NOT NULL,
    line       text COLLATE "C" NOT NULL,
    slots      bigint NOT NULL,
    asked      bigint NOT NULL,
    granted    bigint,
    PRIMARY KEY (run, seq, limit_name)
);
CREATE INDEX permits_waiting ON permits (limit_name, line, asked, run, seq)
    WHERE granted IS NULL;
CREATE INDEX permits_taken ON permits (limit_name, line) WHERE granted IS NOT NULL;
CREATE TABLE limit_uses (
    limit_name text COLLATE "C" NOT NULL,
    line       text COLLATE "C" NOT NULL,
    slots      bigint NOT NULL,
    until      bigint NOT NULL
);
CREATE INDEX limit_uses_line ON limit_uses (limit_name, line, until);
CREATE INDEX limit_uses_until ON limit_uses (until);
ALTER TABLE flow_runs ADD COLUMN limited boolean NOT NULL DEFAULT false;
ALTER TABLE flow_run_specs ADD COLUMN limits text;
ALTER TABLE deployments ADD COLUMN concurrency text;
ALTER TABLE deployments ADD COLUMN limits text;
-- What is done by itself, and when it was done last.
CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    done  bigint NOT NULL
);
