-- Results of tasks that are kept for other runs, and the blobs that they keep. A program of the
-- version before does not know of those: while one works, a blob may go that only a result keeps.
CREATE TABLE cached_results (
    id      bytea PRIMARY KEY,
    task    text COLLATE "C" NOT NULL,
    scope   text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    value   text NOT NULL,
    run     uuid NOT NULL,
    created bigint NOT NULL,
    expires bigint
);
CREATE INDEX cached_results_created ON cached_results (created);
CREATE INDEX cached_results_task ON cached_results (task, created);
CREATE INDEX cached_results_scope ON cached_results (scope);
CREATE INDEX cached_results_expires ON cached_results (expires) WHERE expires IS NOT NULL;
CREATE TABLE cached_blobs (
    result bytea NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (result, digest)
);
CREATE INDEX cached_blobs_digest ON cached_blobs (digest);
