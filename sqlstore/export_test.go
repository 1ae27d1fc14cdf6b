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
		"revision":                   t[queryRevision],
		"delete":                     t[queryDelete],
		"forward":                    t[pageQuery(false, false, false)],
		"forward package":            t[pageQuery(false, true, false)],
		"forward suspended":          t[pageQuery(false, false, true)],
		"forward package suspended":  t[pageQuery(false, true, true)],
		"backward":                   t[pageQuery(true, false, false)],
		"backward package":           t[pageQuery(true, true, false)],
		"backward suspended":         t[pageQuery(true, false, true)],
		"backward package suspended": t[pageQuery(true, true, true)],
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
