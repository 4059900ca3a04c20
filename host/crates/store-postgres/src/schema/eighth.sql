-- What is kept as bytes. What has them is an upload; a blob that is loose may have lost its last
-- holder.
CREATE TABLE blobs (
    digest  bytea PRIMARY KEY,
    size    bigint NOT NULL,
    created bigint NOT NULL,
    upload  uuid NOT NULL,
    place   text NOT NULL,
    loose   boolean NOT NULL
);
CREATE INDEX blobs_loose ON blobs (digest) WHERE loose;
CREATE TABLE run_blobs (
    run    bigint NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (run, digest)
);
CREATE INDEX run_blobs_digest ON run_blobs (digest);
CREATE TABLE blob_uploads (
    id     uuid PRIMARY KEY,
    begun  bigint NOT NULL,
    place  text NOT NULL,
    parts  text,
    doomed boolean NOT NULL
);
-- The bytes of those that no storage has. They do not get smaller by compressing them again.
CREATE TABLE blob_bytes (
    upload uuid NOT NULL,
    seq    bigint NOT NULL,
    bytes  bytea NOT NULL,
    PRIMARY KEY (upload, seq)
);
ALTER TABLE blob_bytes ALTER COLUMN bytes SET STORAGE EXTERNAL;
