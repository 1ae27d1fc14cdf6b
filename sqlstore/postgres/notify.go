package postgres

import (
	"context"
	"database/sql"
)

// channel is where changes are told: the id of the license in hexadecimal, or nothing where all are gone.
const channel = "pkg_licenses"

// hasTriggers asks whether changes are told.
const hasTriggers = `SELECT count(*) = 2 FROM pg_catalog.pg_trigger
WHERE tgrelid = to_regclass('pkg_licenses') AND tgname IN ('pkg_licenses_notify', 'pkg_licenses_notify_all')`

// makeTriggers is one transaction, as PostgreSQL makes of statements that come together. The lock is
// that of CREATE TRIGGER, taken first so that instances which start together wait for one another.
const makeTriggers = `LOCK TABLE pkg_licenses IN SHARE ROW EXCLUSIVE MODE;
CREATE OR REPLACE FUNCTION pkg_license_notify() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('` + channel + `', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('` + channel + `', encode(OLD.id, 'hex'));
    END IF;
    IF TG_OP <> 'DELETE' THEN -- twice the same in one transaction is told once
        PERFORM pg_notify('` + channel + `', encode(NEW.id, 'hex'));
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS pkg_licenses_notify_all ON pkg_licenses;
DROP TRIGGER IF EXISTS pkg_licenses_notify ON pkg_licenses;
CREATE TRIGGER pkg_licenses_notify_all AFTER TRUNCATE ON pkg_licenses
    FOR EACH STATEMENT EXECUTE FUNCTION pkg_license_notify();
CREATE TRIGGER pkg_licenses_notify AFTER INSERT OR UPDATE OR DELETE ON pkg_licenses
    FOR EACH ROW EXECUTE FUNCTION pkg_license_notify()`

// addTriggers makes the triggers, unless they are there.
func addTriggers(ctx context.Context, db *sql.DB) error {
	var has bool
	if err := db.QueryRowContext(ctx, hasTriggers).Scan(&has); err != nil || has {
		return err
	}
	_, err := db.ExecContext(ctx, makeTriggers)
	if err == nil {
		return nil
	}
	// Another instance may have been faster.
	if errLook := db.QueryRowContext(ctx, hasTriggers).Scan(&has); errLook != nil || !has {
		return err
	}
	return nil
}
