-- How long the attempts before the newest took together, in microseconds.
ALTER TABLE flow_runs ADD COLUMN earlier bigint NOT NULL DEFAULT 0;
