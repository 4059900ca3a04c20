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
-- Who may write what runs did may write these.
DO $$ DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee,
            privilege_type
        FROM pg_class, aclexplode(relacl) WHERE oid = 'journal'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON artifacts TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
END $$;
