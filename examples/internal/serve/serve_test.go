package serve

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReachableSaysWhenOtherMachinesAreMeant(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.7": true} {
		host, elsewhere := Reachable(&net.TCPAddr{IP: net.ParseIP(ip), Port: 8080})
		assert.Equal(t, want, elsewhere, ip)
		assert.NotContains(t, host, "0.0.0.0")
		assert.NotContains(t, host, "[::]")
	}
}
