-- Licenses, and the index that finds them by package.
--
-- Names begin with pkg_license so that the tables can live in a database that has others. The
-- schema is the first of the search_path.
--
-- Keys and packages have the collation "C": they are compared by byte, as elsewhere, and an
-- upgrade of the system's collations cannot break their indexes.
--
-- For distributed databases that speak PostgreSQL: there are no sequences. Ids that the
-- library makes are UUIDs of version 7, which begin with the time, so that a single server writes
-- to the end of each index. Where ranges of keys are spread over machines (CockroachDB), the
-- newest licenses then lie in one range: enough for thousands of sales a second; for more, give
-- licenses ids of version 4, or shard the primary key by hash in your own copy of this file.
-- The order of time needs an index by time anyway. ASC is said where YugabyteDB would
-- spread the first column by hash, which cannot be read in order.

CREATE TABLE pkg_license_migrations (
    version INTEGER NOT NULL PRIMARY KEY
);

INSERT INTO pkg_license_migrations (version) VALUES (1);

CREATE TABLE pkg_licenses (
    id              BYTEA            NOT NULL PRIMARY KEY, -- the 16 bytes of the UUID
    key             TEXT COLLATE "C" NOT NULL UNIQUE,
    name            TEXT             NOT NULL,
    constraint_json TEXT             NOT NULL,
    suspended       BOOLEAN          NOT NULL,
    meta_json       TEXT             NOT NULL, -- jsonb would change numbers and the order of members
    packages_json   TEXT             NOT NULL,
    created_at      BIGINT           NOT NULL, -- milliseconds since 1970 UTC, as is updated_at
    updated_at      BIGINT           NOT NULL,
    revision        BIGINT           NOT NULL
);

-- What queries read: all columns as lines of one text. Only the name can hold a line break; its length
-- in bytes is before it.
CREATE VIEW pkg_license_rows AS SELECT id, key, suspended, created_at, concat_ws('
', encode(id, 'hex'), created_at, updated_at, revision, suspended, octet_length(name), name,
key, constraint_json, packages_json, meta_json) AS row_text FROM pkg_licenses;

CREATE INDEX pkg_licenses_by_time ON pkg_licenses (created_at ASC, id ASC);
CREATE INDEX pkg_licenses_by_suspended ON pkg_licenses (suspended, created_at ASC, id ASC);

-- One row for each package of each license. Triggers keep it, so that one statement writes a license.
CREATE TABLE pkg_license_packages (
    package    TEXT COLLATE "C" NOT NULL,
    suspended  BOOLEAN          NOT NULL,
    created_at BIGINT           NOT NULL,
    id         BYTEA            NOT NULL,
    PRIMARY KEY (package, created_at, id)
);

CREATE INDEX pkg_license_packages_by_suspended ON pkg_license_packages (package, suspended, created_at ASC, id ASC);

CREATE FUNCTION pkg_license_add_packages() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pkg_license_packages (package, suspended, created_at, id)
    SELECT value, NEW.suspended, NEW.created_at, NEW.id FROM json_array_elements_text(NEW.packages_json::JSON) AS p (value);
    RETURN NULL;
END $$;

-- An array rather than IN leaves no choice: a small table would otherwise be read from end to end.
CREATE FUNCTION pkg_license_remove_packages() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pkg_license_packages
    WHERE package = ANY (ARRAY (SELECT value FROM json_array_elements_text(OLD.packages_json::JSON) AS p (value)))
        AND created_at = OLD.created_at AND id = OLD.id;
    RETURN NULL;
END $$;

-- The library changes neither id nor created_at, but a person may. Triggers of one kind fire in the order of
-- their names. Row triggers, as CockroachDB has no others.
CREATE TRIGGER pkg_licenses_deleted AFTER DELETE ON pkg_licenses
    FOR EACH ROW EXECUTE FUNCTION pkg_license_remove_packages();

CREATE TRIGGER pkg_licenses_inserted AFTER INSERT ON pkg_licenses
    FOR EACH ROW EXECUTE FUNCTION pkg_license_add_packages();

CREATE TRIGGER pkg_licenses_updated_1 AFTER UPDATE ON pkg_licenses
    FOR EACH ROW WHEN (OLD.packages_json <> NEW.packages_json OR OLD.suspended <> NEW.suspended
        OR OLD.created_at <> NEW.created_at OR OLD.id <> NEW.id)
    EXECUTE FUNCTION pkg_license_remove_packages();

CREATE TRIGGER pkg_licenses_updated_2 AFTER UPDATE ON pkg_licenses
    FOR EACH ROW WHEN (OLD.packages_json <> NEW.packages_json OR OLD.suspended <> NEW.suspended
        OR OLD.created_at <> NEW.created_at OR OLD.id <> NEW.id)
    EXECUTE FUNCTION pkg_license_add_packages();
