-- What people keep for all runs. A secret is encrypted, under a key that is elsewhere.
CREATE TABLE variables (
    name    text COLLATE "C" PRIMARY KEY,
    value   text NOT NULL,
    updated bigint NOT NULL
);
CREATE TABLE secrets (
    name    text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    key_id  text NOT NULL,
    sealed  bytea NOT NULL,
    updated bigint NOT NULL
);
