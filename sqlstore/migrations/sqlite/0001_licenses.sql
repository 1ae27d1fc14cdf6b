-- Licenses, and the index that finds them by package.
--
-- Names begin with pkg_license so that the tables can live in a database that has others.

CREATE TABLE pkg_license_migrations (
    version INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE pkg_licenses (
    id              BLOB    NOT NULL PRIMARY KEY, -- the 16 bytes of the UUID
    key             TEXT    NOT NULL UNIQUE,
    name            TEXT    NOT NULL,
    constraint_json TEXT    NOT NULL,
    suspended       INTEGER NOT NULL, -- 0 or 1
    meta_json       TEXT    NOT NULL,
    packages_json   TEXT    NOT NULL,
    created_at      INTEGER NOT NULL, -- milliseconds since 1970 UTC, as is updated_at
    updated_at      INTEGER NOT NULL,
    revision        INTEGER NOT NULL,

    -- What is no text, and the name, as the first lines of what queries read. To make them took a quarter of
    -- the time of a page, so they are made when a license is written, by hand too. The functions are those
    -- that older sqlite3 shells have as well: where one is unknown the table cannot be read.
    head TEXT NOT NULL GENERATED ALWAYS AS (hex(id) || '
' || created_at || '
' || updated_at || '
' || revision || '
' || suspended || '
' || length(CAST(name AS BLOB)) || '
' || name) STORED
) STRICT;

-- What queries read: all columns as lines of one text. Only the name can hold a line break; its length
-- in bytes is before it.
CREATE VIEW pkg_license_rows AS SELECT id, key, suspended, created_at, concat_ws('
', head, key, constraint_json, packages_json, meta_json) AS row_text FROM pkg_licenses;

CREATE INDEX pkg_licenses_by_time ON pkg_licenses (created_at, id);
CREATE INDEX pkg_licenses_by_suspended ON pkg_licenses (suspended, created_at, id);

-- One row for each package of each license. Triggers keep it, so that one statement writes a license.
CREATE TABLE pkg_license_packages (
    package    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    id         BLOB    NOT NULL,
    suspended  INTEGER NOT NULL, -- before the others, integrity_check of SQLite 3.40 would call it NULL
    PRIMARY KEY (package, created_at, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX pkg_license_packages_by_suspended ON pkg_license_packages (package, suspended, created_at, id);

CREATE TRIGGER pkg_licenses_inserted AFTER INSERT ON pkg_licenses
BEGIN
    INSERT INTO pkg_license_packages (package, suspended, created_at, id)
    SELECT value, NEW.suspended, NEW.created_at, NEW.id FROM json_each(NEW.packages_json);
END;

-- The library changes neither id nor created_at, but a person may.
CREATE TRIGGER pkg_licenses_updated AFTER UPDATE ON pkg_licenses
WHEN OLD.packages_json <> NEW.packages_json OR OLD.suspended <> NEW.suspended
    OR OLD.created_at <> NEW.created_at OR OLD.id <> NEW.id
BEGIN
    DELETE FROM pkg_license_packages
    WHERE package IN (SELECT value FROM json_each(OLD.packages_json))
        AND created_at = OLD.created_at AND id = OLD.id;
    INSERT INTO pkg_license_packages (package, suspended, created_at, id)
    SELECT value, NEW.suspended, NEW.created_at, NEW.id FROM json_each(NEW.packages_json);
END;

CREATE TRIGGER pkg_licenses_deleted AFTER DELETE ON pkg_licenses
BEGIN
    DELETE FROM pkg_license_packages
    WHERE package IN (SELECT value FROM json_each(OLD.packages_json))
        AND created_at = OLD.created_at AND id = OLD.id;
END;

INSERT INTO pkg_license_migrations (version) VALUES (1);
