// Package cachestore puts a cache in front of any [license.Store], so that checking a key
// seldom costs a query.
//
//	cached, err := cachestore.New(store, cachestore.Options{MaxStaleness: 10 * time.Second})
//	...
//	checker := license.NewChecker(cached.Shared(), license.CheckerOptions{})
//	api := ... // writes go through cached as well
//
// Only GetByKey is cached, which is what a [license.Checker] calls. Get, List and the writes go
// to the store underneath.
//
// # How long a revoked license goes on working
//
// What is written through the same [Store] is seen at once: a check that begins after
// Update returned is decided by the license as updated. A write that is still under way may be
// seen by Get and List and not yet by a check.
//
// What is written elsewhere (another instance, the embedder's own SQL) is seen by every
// check that begins [Options].MaxStaleness after it was committed, or later. That is the longest
// time a customer goes on downloading after a suspension on another instance, and the longest
// time a key just sold there, and already tried here, is called unknown. Use does not prolong it:
// the time runs from when the answer began to be read, and an answer read often is as old
// as any other. When the store underneath reads from a replica, the delay of the replica comes
// on top.
//
// [Store.Invalidate] ends the wait for one license, and [Store.InvalidateAll] for all. Call
// Invalidate after the commit of a transaction of your own in which licenses were written, once
// for each of them, or when another instance says what it has written:
//
//	tx := ... // the order and its license in one transaction
//	if err := tx.Commit(); err != nil { ... }
//	cached.Invalidate(l.ID)
//
// After a commit with an unknown outcome call it too. There, as after any write through the Store
// that failed with [license.ErrUnknownOutcome], the database may still be carrying out what its
// client has given up, and then MaxStaleness is what holds.
//
// # What is bounded
//
// The cache holds at most [Options].MaxLicenses licenses and, beside them,
// [Options].MaxUnknown unknown keys, so that somebody who tries keys pushes out no customer.
// A key that was unknown a moment ago is not asked for again; a key never seen before has
// to be, once, so a flood of ever new keys is for a rate limit in front to stop.
//
// Any number of checks that miss the same key at the same time wait for one query. It goes on
// while one of them still waits, and is cancelled when none does: a caller who hangs up fails
// nobody else. An error of the store is returned to those who waited for it and never kept; so a
// check fails closed while the store is down and its answer here is too old.
package cachestore
