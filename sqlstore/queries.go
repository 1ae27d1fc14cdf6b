package sqlstore

import "strings"

// query names one of the statements of a Store. Its text is the same for every database.
type query int

const (
	queryGet query = iota
	queryGetByKey
	queryCreate
	queryConflict
	queryUpdate
	queryRevision
	queryDelete

	// A page is read in one of two directions, under any of four filters. The eight queries
	// stand in the order that pageQuery computes.
	queryForward
	queryForwardPackage
	queryForwardSuspended
	queryForwardPackageSuspended
	queryBackward
	queryBackwardPackage
	queryBackwardSuspended
	queryBackwardPackageSuspended

	queryCount
)

// pageQuery returns the query of a page.
func pageQuery(backward, byPackage, bySuspended bool) query {
	q := queryForward
	if backward {
		q = queryBackward
	}
	if byPackage {
		q += queryForwardPackage - queryForward
	}
	if bySuspended {
		q += queryForwardSuspended - queryForward
	}
	return q
}

// The parts of a page: $1 and $2 are the place where it begins, $3 bounds the time on the
// other side, $4 is the limit, and the filters follow. A subquery rather than a join leaves no
// choice: the licenses of a package are looked up one by one, in order.
//
// A license is read as the text that the view has of it, all columns as lines, which a driver hands over in a
// fraction of the time that ten values take. A page is one row: the texts of its licenses in one, in an
// order that the database may choose, and the time of the license on the other side of the place, or -1:
// another query would be another way to the server.
const (
	fromLicenses = `SELECT l.row_text AS text FROM pkg_license_rows l WHERE `
	fromPackages = `SELECT (SELECT l.row_text FROM pkg_license_rows l WHERE l.id = p.id) AS text FROM pkg_license_packages p WHERE p.package = $5 AND `

	besidesLicenses = `SELECT l.created_at FROM pkg_licenses l WHERE `
	besidesPackages = `SELECT p.created_at FROM pkg_license_packages p WHERE p.package = $5 AND `

	forwardLicenses  = `(l.created_at, l.id) >= ($1, $2) AND l.created_at <= $3 ORDER BY l.created_at, l.id LIMIT $4`
	backwardLicenses = `(l.created_at, l.id) <= ($1, $2) AND l.created_at >= $3 ORDER BY l.created_at DESC, l.id DESC LIMIT $4`
	forwardPackages  = `(p.created_at, p.id) >= ($1, $2) AND p.created_at <= $3 ORDER BY p.created_at, p.id LIMIT $4`
	backwardPackages = `(p.created_at, p.id) <= ($1, $2) AND p.created_at >= $3 ORDER BY p.created_at DESC, p.id DESC LIMIT $4`

	beforeLicenses = `l.created_at < $1 ORDER BY l.created_at DESC, l.id DESC LIMIT 1`
	behindLicenses = `l.created_at > $1 ORDER BY l.created_at, l.id LIMIT 1`
	beforePackages = `p.created_at < $1 ORDER BY p.created_at DESC, p.id DESC LIMIT 1`
	behindPackages = `p.created_at > $1 ORDER BY p.created_at, p.id LIMIT 1`

	// With suspended in the order, only the index that begins with it will do. Said as
	// suspended = $5, PostgreSQL may take the index by time and look for the few among the many.
	forwardSuspendedLicenses  = `(l.suspended, l.created_at, l.id) >= ($5, $1, $2) AND (l.suspended, l.created_at) <= ($5, $3) ORDER BY l.suspended, l.created_at, l.id LIMIT $4`
	backwardSuspendedLicenses = `(l.suspended, l.created_at, l.id) <= ($5, $1, $2) AND (l.suspended, l.created_at) >= ($5, $3) ORDER BY l.suspended DESC, l.created_at DESC, l.id DESC LIMIT $4`
	forwardSuspendedPackages  = `(p.suspended, p.created_at, p.id) >= ($6, $1, $2) AND (p.suspended, p.created_at) <= ($6, $3) ORDER BY p.suspended, p.created_at, p.id LIMIT $4`
	backwardSuspendedPackages = `(p.suspended, p.created_at, p.id) <= ($6, $1, $2) AND (p.suspended, p.created_at) >= ($6, $3) ORDER BY p.suspended DESC, p.created_at DESC, p.id DESC LIMIT $4`

	beforeSuspendedLicenses = `(l.suspended, l.created_at) < ($5, $1) AND (l.suspended, l.created_at) >= ($5, 0) ORDER BY l.suspended DESC, l.created_at DESC, l.id DESC LIMIT 1`
	behindSuspendedLicenses = `(l.suspended, l.created_at) > ($5, $1) AND (l.suspended, l.created_at) <= ($5, 9223372036854775807) ORDER BY l.suspended, l.created_at, l.id LIMIT 1`
	beforeSuspendedPackages = `(p.suspended, p.created_at) < ($6, $1) AND (p.suspended, p.created_at) >= ($6, 0) ORDER BY p.suspended DESC, p.created_at DESC, p.id DESC LIMIT 1`
	behindSuspendedPackages = `(p.suspended, p.created_at) > ($6, $1) AND (p.suspended, p.created_at) <= ($6, 9223372036854775807) ORDER BY p.suspended, p.created_at, p.id LIMIT 1`

	pageOf = `SELECT COALESCE(string_agg(page.text, '
'), ''), COALESCE((`
	pageIs  = `), -1) FROM (`
	pageEnd = `) AS page`
)

// texts are the statements of a Store.
type texts [queryCount]string

// numbered returns the texts with ?1 for $1, which SQLite numbers as it is written; $1 is a name to it, and
// drivers differ in what they bind to that.
func (t texts) numbered() *texts {
	for i := range t {
		t[i] = strings.ReplaceAll(t[i], "$", "?")
	}
	return &t
}

var queryTexts = texts{
	queryGet:      fromLicenses + `l.id = $1`,
	queryGetByKey: fromLicenses + `l.key = $1`,

	queryCreate: `INSERT INTO pkg_licenses
(id, key, name, constraint_json, suspended, meta_json, packages_json, created_at, updated_at, revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) ON CONFLICT DO NOTHING`,

	queryConflict: `SELECT EXISTS (SELECT 1 FROM pkg_licenses WHERE id = $1), EXISTS (SELECT 1 FROM pkg_licenses WHERE key = $2)`,

	queryUpdate: `UPDATE pkg_licenses SET key = $2, name = $3, constraint_json = $4, suspended = $5, meta_json = $6, packages_json = $7,
updated_at = CASE WHEN updated_at > $8 THEN updated_at ELSE $8 END, revision = revision + 1
WHERE id = $1 AND (revision = $9 OR $9 = 0) RETURNING created_at, updated_at, revision`,

	queryRevision: `SELECT revision FROM pkg_licenses WHERE id = $1`,

	queryDelete: `DELETE FROM pkg_licenses WHERE id = $1 AND (revision = $2 OR $2 = 0)`,

	queryForward:                  pageOf + besidesLicenses + beforeLicenses + pageIs + fromLicenses + forwardLicenses + pageEnd,
	queryForwardPackage:           pageOf + besidesPackages + beforePackages + pageIs + fromPackages + forwardPackages + pageEnd,
	queryForwardSuspended:         pageOf + besidesLicenses + beforeSuspendedLicenses + pageIs + fromLicenses + forwardSuspendedLicenses + pageEnd,
	queryForwardPackageSuspended:  pageOf + besidesPackages + beforeSuspendedPackages + pageIs + fromPackages + forwardSuspendedPackages + pageEnd,
	queryBackward:                 pageOf + besidesLicenses + behindLicenses + pageIs + fromLicenses + backwardLicenses + pageEnd,
	queryBackwardPackage:          pageOf + besidesPackages + behindPackages + pageIs + fromPackages + backwardPackages + pageEnd,
	queryBackwardSuspended:        pageOf + besidesLicenses + behindSuspendedLicenses + pageIs + fromLicenses + backwardSuspendedLicenses + pageEnd,
	queryBackwardPackageSuspended: pageOf + besidesPackages + behindSuspendedPackages + pageIs + fromPackages + backwardSuspendedPackages + pageEnd,
}
