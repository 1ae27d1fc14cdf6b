package storetest

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/privatepkgs/license"
)

var getTests = []test{
	{"FindsByIDAndByKey", func(h *harness) {
		var want []*license.License
		for range 3 {
			want = append(want, h.create(newLicense()))
		}
		h.holds(want...)
	}},
	{"ReportsAnUnknownID", func(h *harness) {
		l := h.create(newLicense())
		near := l.ID
		near[15] ^= 1
		for _, id := range []uuid.UUID{uuid.Nil, uuid.Max, uuid.New(), near} {
			got, err := h.store.Get(h.ctx, id)
			h.fails(fmt.Sprintf("Get(%s) of an unknown id", id), err, license.ErrNotFound)
			if got != nil {
				h.Fatalf("Get(%s) returned a license together with an error", id)
			}
		}
	}},
	{"ReportsAKeyThatNoLicenseHas", func(h *harness) {
		l := newLicense()
		l.Key = "Abc_1%23"
		h.create(l)
		for _, key := range []string{
			"abc_1%23", "ABC_1%23", // another case
			"Abc_1%2", "Abc_1%234", "bc_1%23", // a part, or more
			"%", "A%", "_bc_1%23", "Abc_1*", "AbcX1%23", // patterns
			" Abc_1%23", "Abc_1%23 ", "Abc_1%23\n", "Abc_1%23\x00", "\x00", // no key has these
			"", "Аbc_1%23", "Abc_1%23\xff", "\xff\xfe", strings.Repeat("k", license.MaxKeyLen+1), strings.Repeat("k", 1<<16),
			"' OR 1=1 --",
		} {
			got, err := h.store.GetByKey(h.ctx, key)
			h.fails(fmt.Sprintf("GetByKey(%s), where the only key is %q", shorten(key), l.Key), err, license.ErrNotFound)
			if got != nil {
				h.Fatalf("GetByKey(%s) returned a license together with an error", shorten(key))
			}
		}
		h.holds(l)
	}},
}
