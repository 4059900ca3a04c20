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
-- Who may write the one may write the other.
DO $$ DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee,
            privilege_type
        FROM pg_class, aclexplode(relacl) WHERE oid = 'events'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON commits TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
END $$;

-- Found by a plain scan, as everything else is.
CREATE INDEX flow_run_specs_created_at ON flow_run_specs (created);
DROP INDEX flow_run_specs_created;
