package sqlstore

import "errors"

var sqliteTraits = traits{
	texts:              queryTexts.numbered(),
	prepare:            true,
	interruptRollsBack: true, // https://sqlite.org/c3ref/interrupt.html
	inProcess:          true,
	beginMigration:     []string{`BEGIN IMMEDIATE`},
	hasMigrations:      `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'pkg_license_migrations')`,
	classify:           classifySQLite,
}

// SQLite's result codes, https://sqlite.org/rescode.html. An extended code has its primary
// code in the lowest byte.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteNoMemory = 7
	sqliteReadOnly = 8
	sqliteIOError  = 10
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteProtocol = 15

	sqliteConstraintPrimaryKey = 1555
	sqliteConstraintUnique     = 2067
)

func classifySQLite(err error, code func(error) int) errorClass {
	n := sqliteCode(err)
	if code != nil {
		n = code(err)
	}
	switch n {
	case sqliteConstraintUnique, sqliteConstraintPrimaryKey:
		return classUnique
	}
	switch n & 0xff {
	case sqliteBusy, sqliteLocked, sqliteNoMemory, sqliteReadOnly, sqliteIOError, sqliteFull, sqliteCantOpen, sqliteProtocol:
		return classUnavailable
	default:
		return classifyCommon(err)
	}
}

// sqliteCode returns the extended result code of an error, and 0 for one that has none.
func sqliteCode(err error) int {
	var coded interface{ Code() int }
	if !errors.As(err, &coded) {
		return 0
	}
	return coded.Code()
}
