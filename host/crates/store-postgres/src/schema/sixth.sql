-- What runs make for people to look at.
CREATE TABLE artifacts (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    run         bigint NOT NULL,
    task_run    uuid,
    key         text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    description text,
    data        text NOT NULL,
    at          bigint NOT NULL
);
CREATE INDEX artifacts_run ON artifacts (run, no);
CREATE INDEX artifacts_key ON artifacts (key, no);
