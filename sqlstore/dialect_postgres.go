package sqlstore

import (
	"context"
	"errors"
	"io"
)

var postgresTraits = traits{
	texts: &queryTexts,
	// The driver prepares, in whatever way suits what lies between it and the database.
	prepare:        false,
	beginMigration: []string{`BEGIN`},
	hasMigrations:  `SELECT to_regclass('pkg_license_migrations') IS NOT NULL`,
	classify:       classifyPostgres,
	insertBatch:    postgresInsertBatch,
	getBatch:       postgresGetBatch,
}

// The rows come as one array for each column, and each array as text, which every driver can
// send.
const (
	postgresInsertBatch = `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
SELECT b.*, 1 FROM unnest(
CAST(CAST($1 AS TEXT) AS BYTEA[]), CAST(CAST($2 AS TEXT) AS TEXT[]), CAST(CAST($3 AS TEXT) AS TEXT[]),
CAST(CAST($4 AS TEXT) AS TEXT[]), CAST(CAST($5 AS TEXT) AS BOOLEAN[]), CAST(CAST($6 AS TEXT) AS TEXT[]),
CAST(CAST($7 AS TEXT) AS TEXT[]), CAST(CAST($8 AS TEXT) AS BIGINT[]), CAST(CAST($9 AS TEXT) AS BIGINT[])) AS b
ON CONFLICT DO NOTHING RETURNING id`

	postgresGetBatch = fromLicenses + `l.id = ANY (CAST(CAST($1 AS TEXT) AS BYTEA[])) OR l.key = ANY (CAST(CAST($2 AS TEXT) AS TEXT[]))`
)

// classifyPostgres goes by the SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html,
// which the drivers for PostgreSQL return from a method SQLState.
func classifyPostgres(err error, _ func(error) int) errorClass {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return classifyWay(err)
	}
	switch state := coded.SQLState(); state {
	case "23505": // unique_violation
		return classUnique
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return classRetry
	case "25006", // read_only_sql_transaction: a standby, or a primary that has become one
		"25P03", "25P04", // idle_in_transaction_session_timeout, transaction_timeout
		"40003", // statement_completion_unknown
		"55P03": // lock_not_available
		return classUnavailable
	default:
		if len(state) != 5 {
			return classOther
		}
		switch state[:2] {
		case "08", // connection exception
			"28", // invalid authorization: a password that is being replaced
			"53", // insufficient resources
			"57", // operator intervention: a shutdown, a start, a statement that was cancelled
			"58": // system error
			return classUnavailable
		}
		return classOther
	}
}

// classifyWay knows the errors that a database's end leaves behind. That a context is done has been
// looked at before, so a deadline is one of the driver's own, for connecting.
func classifyWay(err error) errorClass {
	var untouched interface{ SafeToRetry() bool } // pgx: nothing was sent
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		return classUnavailable
	case errors.As(err, &untouched) && untouched.SafeToRetry():
		return classUnavailable
	default:
		return classifyCommon(err)
	}
}
