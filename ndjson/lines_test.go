package ndjson

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// spaces never end a line.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestLineWithoutEndTakesLittleMemory(t *testing.T) {
	t.Parallel()
	const length = 100 * MaxLineLen
	s := newLines(io.LimitReader(spaces{}, length))
	require.ErrorIs(t, s.next(), ErrLineTooLong)
	assert.EqualValues(t, length, s.at.bytes)
	assert.Less(t, cap(s.line), 2*MaxLineLen)
	assert.ErrorIs(t, s.next(), io.EOF)
}
