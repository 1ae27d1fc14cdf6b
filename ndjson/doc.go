// Package ndjson moves licenses: out of a store into a file, out of a file or any other sequence
// into a store.
//
//	_, err := ndjson.Export(file, license.All(ctx, store, license.Query{}))
//	...
//	result, err := ndjson.Import(ctx, store, file, ndjson.Options{})
//	fmt.Printf("%d created, %d unchanged\n", result.Created, result.Unchanged)
//
// # The form
//
// The file is NDJSON (https://github.com/ndjson/ndjson-spec), also called JSON Lines: one license
// on each line, in the v1 JSON form, which is that of the HTTP API and of
// [license.License.AppendJSON]:
//
//	{"id":"0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f","name":"ACME","key":"12345-12345-ABCDE","constraint":{"type":"none"},"suspended":false,"meta":{},"packages":["toy"],"createdAt":1672531200000,"updatedAt":1672531200000}
//
// Name, suspended and meta may be absent; everything else is required, the id, the key and both
// times too, so that the same file imported twice is the same licenses. Who arrives from
// elsewhere without ids of this kind derives them from what there is, with [uuid.NewSHA1] for instance,
// and not at random. A line is read as strictly as a request of the HTTP API: a name that
// is unknown, repeated or in other letters is refused, and so is null.
//
// A line ends with LF or CRLF, and the last one may end without. Blank lines are passed over,
// and so is a byte order mark at the beginning. A line may have [MaxLineLen] bytes.
//
// The file holds keys, which are secrets: keep it as you keep a backup.
//
// # What an import does
//
// Ids, keys and times are kept. Revisions are not part of the form: each license begins again with
// revision 1, so an ETag of the HTTP API that was read before matches only a license whose updatedAt is still
// the one it was made with.
//
// Nothing that is in the store is changed. A license that is there already with the same content is
// counted as unchanged, so a second import of a file changes nothing. One whose id or key is
// there with another content is left out, and reported as a [Conflict]. An import that ended
// early, for whatever reason, is resumed by the same import again.
//
// A line is validated before anything of its batch is written. The first bad one ends the import,
// unless [Options].Skip says otherwise: the lines before it are in the store, and it and those
// after it are not.
//
// A store that is a [license.BatchCreator] is given batches, each a transaction; any other
// one license after another. The result is the same, and the speed is not: a SQLite file takes
// several times as many licenses a second in batches.
//
// What this package does not do: it updates and deletes nothing, so it is no replication, and it
// reads no other formats. A program of ten lines turns those into a sequence, for [ImportSeq].
package ndjson
