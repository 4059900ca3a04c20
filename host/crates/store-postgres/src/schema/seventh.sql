-- Large JSON texts of runs, compressed, and which run holds which.
CREATE TABLE texts (
    digest bytea PRIMARY KEY,
    -- Before it was compressed. It was not, if it has as many bytes.
    size   bigint NOT NULL,
    bytes  bytea NOT NULL
);
-- They are compressed already.
ALTER TABLE texts ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE run_texts (
    run    bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (run, digest)
);
CREATE INDEX run_texts_digest ON run_texts (digest);
