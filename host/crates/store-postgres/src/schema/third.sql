-- How far a run had come when it was last lost, so that progress clears its losses.
ALTER TABLE flow_runs ADD COLUMN lost_attempt bigint NOT NULL DEFAULT 0;
ALTER TABLE flow_runs ADD COLUMN lost_steps bigint NOT NULL DEFAULT 0;
