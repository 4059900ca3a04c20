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
-- Who may write what runs did may write these.
DO $$ DECLARE granted record;
BEGIN
    FOR granted IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee,
            privilege_type
        FROM pg_class, aclexplode(relacl) WHERE oid = 'journal'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format(
            'GRANT %s ON texts, run_texts TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
END $$;
