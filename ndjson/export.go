package ndjson

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/privatepkgs/license"
)

// Export writes licenses, one on each line, and returns how many it wrote. [license.All] is the
// sequence of those in a store, or of some of them. The first error of the sequence or of w
// ends it. After one of the sequence the n licenses before it are written; after one of w, some of the
// n are not.
//
// What is created or deleted while an export from a store is under way may be in it or not, and
// everything else is in it once. A license is as it was at one moment, the file as a whole is not.
func Export(w io.Writer, licenses iter.Seq2[*license.License, error]) (n int, err error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	var compact bytes.Buffer
	for l, err := range licenses {
		if err != nil {
			return n, errors.Join(fmt.Errorf("ndjson: exporting after %d licenses: %w", n, err), buffered.Flush())
		}
		line = append(l.AppendJSON(line[:0]), '\n')
		if bytes.ContainsAny(l.Meta, "\n\r") || len(line) > MaxLineLen { // no store keeps white space in it, but somebody's own may
			compact.Reset()
			if err := json.Compact(&compact, line); err != nil {
				return n, errors.Join(fmt.Errorf("ndjson: exporting license %d: %w", n+1, err), buffered.Flush())
			}
			line = append(append(line[:0], compact.Bytes()...), '\n')
		}
		if _, err := buffered.Write(line); err != nil {
			return n, fmt.Errorf("ndjson: writing: %w", err)
		}
		n++
	}
	if err := buffered.Flush(); err != nil {
		return n, fmt.Errorf("ndjson: writing: %w", err)
	}
	return n, nil
}
