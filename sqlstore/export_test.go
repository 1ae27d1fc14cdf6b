package sqlstore

// QueryTexts returns the text of every statement by its name.
func (d Dialect) QueryTexts() map[string]string {
	t := d.traits().texts
	return map[string]string{
		"get":                        t[queryGet],
		"get by key":                 t[queryGetByKey],
		"create":                     t[queryCreate],
		"conflict":                   t[queryConflict],
		"update":                     t[queryUpdate],
		"update known":               t[queryUpdateKnown],
		"revision":                   t[queryRevision],
		"delete":                     t[queryDelete],
		"forward":                    t[pageQuery(queryForward, false, false)],
		"forward package":            t[pageQuery(queryForward, true, false)],
		"forward suspended":          t[pageQuery(queryForward, false, true)],
		"forward package suspended":  t[pageQuery(queryForward, true, true)],
		"backward":                   t[pageQuery(queryBackward, false, false)],
		"backward package":           t[pageQuery(queryBackward, true, false)],
		"backward suspended":         t[pageQuery(queryBackward, false, true)],
		"backward package suspended": t[pageQuery(queryBackward, true, true)],
		"rest":                       t[pageQuery(queryRest, false, false)],
		"rest package":               t[pageQuery(queryRest, true, false)],
		"rest suspended":             t[pageQuery(queryRest, false, true)],
		"rest package suspended":     t[pageQuery(queryRest, true, true)],
	}
}

// QueryCount is how many statements there are.
const QueryCount = int(queryCount)

// PostgreSQLGetBatch is the query for what stands in the way of a batch.
const PostgreSQLGetBatch = postgresGetBatch

// MaxShared is how many writes share a commit, at most.
const MaxShared = maxShared

// Waiting is how many writes wait for a transaction that they share.
func (s *Store) Waiting() int {
	s.sharing.mu.Lock()
	defer s.sharing.mu.Unlock()
	return len(s.sharing.waiting)
}
