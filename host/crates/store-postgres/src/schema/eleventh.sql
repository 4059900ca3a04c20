-- The queues of pools, each with a number within its pool. A program of the version before makes
-- pools without `default`, which is then as it is from the start.
CREATE TABLE work_queues (
    pool      text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    no        bigint NOT NULL,
    priority  bigint NOT NULL,
    run_limit bigint,
    paused    boolean NOT NULL,
    created   bigint NOT NULL,
    PRIMARY KEY (pool, name)
);
-- The last number that a queue of the pool was given, and how many of its runs were started where
-- there was a choice.
ALTER TABLE pools ADD COLUMN queues bigint NOT NULL DEFAULT 0;
ALTER TABLE pools ADD COLUMN starts bigint NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN work_queue text;
ALTER TABLE deployments ADD COLUMN priority bigint;
-- A run's queue and its priority, in one number.
ALTER TABLE flow_runs ADD COLUMN line bigint NOT NULL DEFAULT 50;
INSERT INTO work_queues (pool, name, no, priority, paused, created)
    SELECT name, 'default', 0, 50, false, created FROM pools;
-- Before, a run could name any queue; those that wait in one have it.
INSERT INTO work_queues (pool, name, no, priority, paused, created)
    SELECT pool, work_queue, row_number() OVER (PARTITION BY pool ORDER BY work_queue), 50, false, at
    FROM (
        SELECT r.pool, s.work_queue, min(s.created) AS at
        FROM flow_runs r JOIN flow_run_specs s ON s.no = r.no JOIN pools p ON p.name = r.pool
        WHERE r.ended IS NULL AND s.work_queue IS NOT NULL AND s.work_queue <> 'default'
        GROUP BY 1, 2
    ) waiting;
UPDATE pools SET queues = (SELECT max(no) FROM work_queues q WHERE q.pool = pools.name);
UPDATE flow_runs r SET line = 256 * q.no + 50
    FROM flow_run_specs s, work_queues q
    WHERE r.ended IS NULL AND s.no = r.no AND q.pool = r.pool AND q.name = s.work_queue;
DROP INDEX flow_runs_ready;
CREATE INDEX flow_runs_ready ON flow_runs (pool, line, ready_at, no)
    WHERE ready_at IS NOT NULL AND reserved_for IS NULL;
