package gate

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfRemovedHeadersAreCanonical(t *testing.T) {
	t.Parallel()
	for _, names := range []map[string]bool{scrubbed, conditional, ofBody, keptBack} {
		for name := range names {
			require.Equal(t, http.CanonicalHeaderKey(name), name)
		}
	}
}
