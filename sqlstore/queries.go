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
	queryUpdateKnown
	queryRevision
	queryDelete

	// A page is read in one of two directions, and the rest of its last millisecond in one, under any
	// of four filters. These queries stand in the order that pageQuery computes.
	queryForward
	queryForwardPackage
	queryForwardSuspended
	queryForwardPackageSuspended
	queryBackward
	queryBackwardPackage
	queryBackwardSuspended
	queryBackwardPackageSuspended
	queryRest
	queryRestPackage
	queryRestSuspended
	queryRestPackageSuspended

	queryCount
)

// pageQuery returns the query for some filters of queryForward, queryBackward or queryRest.
func pageQuery(q query, byPackage, bySuspended bool) query {
	if byPackage {
		q += queryForwardPackage - queryForward
	}
	if bySuspended {
		q += queryForwardSuspended - queryForward
	}
	return q
}

// The parts of a page: $1 is the time where it begins, $2 bounds the time on the other side, $3 is the
// limit, and the filters follow. In the rest of a millisecond $1 is that and $2 the first id; in a page
// SQLite would compare each row with the two once more. A subquery rather than a join leaves no choice: the
// licenses of a package are looked up one by one, in order.
//
// A license is read as the text that the view has of it, all columns as lines, which a driver hands over in a
// fraction of the time that ten values take. A page is one row: the texts of its licenses in one, in an
// order that the database may choose, and the time of the license on the other side of the place, or -1:
// another query would be another way to the server.
const (
	fromLicenses = `SELECT l.row_text AS text FROM pkg_license_rows l WHERE `
	fromPackages = `SELECT (SELECT l.row_text FROM pkg_license_rows l WHERE l.id = p.id) AS text FROM pkg_license_packages p WHERE p.package = $4 AND `

	besidesLicenses = `SELECT l.created_at FROM pkg_licenses l WHERE `
	besidesPackages = `SELECT p.created_at FROM pkg_license_packages p WHERE p.package = $4 AND `

	forwardLicenses  = `l.created_at >= $1 AND l.created_at <= $2 ORDER BY l.created_at, l.id LIMIT $3`
	backwardLicenses = `l.created_at <= $1 AND l.created_at >= $2 ORDER BY l.created_at DESC, l.id DESC LIMIT $3`
	forwardPackages  = `p.created_at >= $1 AND p.created_at <= $2 ORDER BY p.created_at, p.id LIMIT $3`
	backwardPackages = `p.created_at <= $1 AND p.created_at >= $2 ORDER BY p.created_at DESC, p.id DESC LIMIT $3`
	restLicenses     = `(l.created_at, l.id) >= ($1, $2) AND l.created_at <= $1 ORDER BY l.created_at, l.id LIMIT $3`
	restPackages     = `(p.created_at, p.id) >= ($1, $2) AND p.created_at <= $1 ORDER BY p.created_at, p.id LIMIT $3`

	beforeLicenses = `l.created_at < $1 ORDER BY l.created_at DESC, l.id DESC LIMIT 1`
	behindLicenses = `l.created_at > $1 ORDER BY l.created_at, l.id LIMIT 1`
	beforePackages = `p.created_at < $1 ORDER BY p.created_at DESC, p.id DESC LIMIT 1`
	behindPackages = `p.created_at > $1 ORDER BY p.created_at, p.id LIMIT 1`

	// With suspended in the order, only the index that begins with it will do. Said as
	// suspended = $4, PostgreSQL may take the index by time and look for the few among the many.
	forwardSuspendedLicenses  = `(l.suspended, l.created_at) >= ($4, $1) AND (l.suspended, l.created_at) <= ($4, $2) ORDER BY l.suspended, l.created_at, l.id LIMIT $3`
	backwardSuspendedLicenses = `(l.suspended, l.created_at) <= ($4, $1) AND (l.suspended, l.created_at) >= ($4, $2) ORDER BY l.suspended DESC, l.created_at DESC, l.id DESC LIMIT $3`
	forwardSuspendedPackages  = `(p.suspended, p.created_at) >= ($5, $1) AND (p.suspended, p.created_at) <= ($5, $2) ORDER BY p.suspended, p.created_at, p.id LIMIT $3`
	backwardSuspendedPackages = `(p.suspended, p.created_at) <= ($5, $1) AND (p.suspended, p.created_at) >= ($5, $2) ORDER BY p.suspended DESC, p.created_at DESC, p.id DESC LIMIT $3`
	restSuspendedLicenses     = `(l.suspended, l.created_at, l.id) >= ($4, $1, $2) AND (l.suspended, l.created_at) <= ($4, $1) ORDER BY l.suspended, l.created_at, l.id LIMIT $3`
	restSuspendedPackages     = `(p.suspended, p.created_at, p.id) >= ($5, $1, $2) AND (p.suspended, p.created_at) <= ($5, $1) ORDER BY p.suspended, p.created_at, p.id LIMIT $3`

	beforeSuspendedLicenses = `(l.suspended, l.created_at) < ($4, $1) AND (l.suspended, l.created_at) >= ($4, 0) ORDER BY l.suspended DESC, l.created_at DESC, l.id DESC LIMIT 1`
	behindSuspendedLicenses = `(l.suspended, l.created_at) > ($4, $1) AND (l.suspended, l.created_at) <= ($4, 9223372036854775807) ORDER BY l.suspended, l.created_at, l.id LIMIT 1`
	beforeSuspendedPackages = `(p.suspended, p.created_at) < ($5, $1) AND (p.suspended, p.created_at) >= ($5, 0) ORDER BY p.suspended DESC, p.created_at DESC, p.id DESC LIMIT 1`
	behindSuspendedPackages = `(p.suspended, p.created_at) > ($5, $1) AND (p.suspended, p.created_at) <= ($5, 9223372036854775807) ORDER BY p.suspended, p.created_at, p.id LIMIT 1`

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

	// queryUpdate where the caller knows what is stored, so that nothing has to be returned. (With + 0 no database
	// looks for the license by its time.)
	queryUpdateKnown: `UPDATE pkg_licenses SET key = $2, name = $3, constraint_json = $4, suspended = $5, meta_json = $6, packages_json = $7,
updated_at = $8, revision = revision + 1
WHERE id = $1 AND revision = $9 AND created_at + 0 = $10 AND updated_at = $11`,

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
	queryRest:                     pageOf + besidesLicenses + beforeLicenses + pageIs + fromLicenses + restLicenses + pageEnd,
	queryRestPackage:              pageOf + besidesPackages + beforePackages + pageIs + fromPackages + restPackages + pageEnd,
	queryRestSuspended:            pageOf + besidesLicenses + beforeSuspendedLicenses + pageIs + fromLicenses + restSuspendedLicenses + pageEnd,
	queryRestPackageSuspended:     pageOf + besidesPackages + beforeSuspendedPackages + pageIs + fromPackages + restSuspendedPackages + pageEnd,
}
