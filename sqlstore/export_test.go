package sqlstore

// QueryTexts returns the text of every statement by its name.
func QueryTexts() map[string]string {
	return map[string]string{
		"get":                        queryGet.text(),
		"get by key":                 queryGetByKey.text(),
		"create":                     queryCreate.text(),
		"conflict":                   queryConflict.text(),
		"update":                     queryUpdate.text(),
		"revision":                   queryRevision.text(),
		"delete":                     queryDelete.text(),
		"forward":                    pageQuery(false, false, false).text(),
		"forward package":            pageQuery(false, true, false).text(),
		"forward suspended":          pageQuery(false, false, true).text(),
		"forward package suspended":  pageQuery(false, true, true).text(),
		"backward":                   pageQuery(true, false, false).text(),
		"backward package":           pageQuery(true, true, false).text(),
		"backward suspended":         pageQuery(true, false, true).text(),
		"backward package suspended": pageQuery(true, true, true).text(),
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
