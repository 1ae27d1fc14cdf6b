package storetest

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/memstore"
)

// faultVariable makes this test binary run the suite against a store with that fault. A test
// that must fail needs a process of its own.
const faultVariable = "STORETEST_FAULT"

// A fault is one thing that a store does wrong.
type fault struct {
	name     string
	caughtBy []string // the subtests, as "Topic/Name", each of which must fail
	wrap     func(s *faulty)
}

// TestStoreWithTheFaultOfTheEnvironment is the suite in the process that has the fault.
func TestStoreWithTheFaultOfTheEnvironment(t *testing.T) {
	t.Parallel()
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("run by TestEveryFaultIsCaught in a process of its own")
	}
	i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
	if i < 0 && name != "none" {
		t.Fatalf("there is no fault %q", name)
	}
	Run(t, func(_ testing.TB, now func() time.Time) license.Store {
		s := &faulty{Store: memstore.New(memstore.Options{Now: now}), now: now}
		if i >= 0 {
			faults[i].wrap(s)
		}
		if s.lend != nil {
			return lending{s}
		}
		return s
	})
}

func TestEveryFaultIsCaught(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			output, err := runWithFault(t, f.name, f.caughtBy)
			if err == nil {
				t.Fatalf("the suite passes a store with the fault %q", f.name)
			}
			for _, subtest := range f.caughtBy {
				if !strings.Contains(output, "--- FAIL: TestStoreWithTheFaultOfTheEnvironment/"+subtest+" ") {
					t.Errorf("the fault %q is not caught by %s:\n%s", f.name, subtest, output)
				}
			}
		})
	}
}

// The control: what fails above fails because of the fault.
func TestStoreWithoutAFaultPasses(t *testing.T) {
	t.Parallel()
	if output, err := runWithFault(t, "none", nil); err != nil {
		t.Fatalf("the suite fails a store without a fault: %v\n%s", err, output)
	}
}

func TestEverySubtestCatchesAFault(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, f := range faults {
		for _, subtest := range f.caughtBy {
			caught[subtest] = true
		}
	}
	for _, topic := range topics {
		for _, test := range topic.tests {
			name := topic.name + "/" + test.name
			if !caught[name] {
				t.Errorf("no fault shows that %s can fail", name)
			}
			delete(caught, name)
		}
	}
	for name := range caught {
		t.Errorf("a fault is said to be caught by %s, which does not exist", name)
	}
}

// runWithFault runs these subtests, or all, against a store with the fault.
func runWithFault(t *testing.T, fault string, subtests []string) (output string, err error) {
	t.Helper()
	run := "^TestStoreWithTheFaultOfTheEnvironment$"
	if subtests != nil {
		var topics, tests []string
		for _, subtest := range subtests {
			topic, test, _ := strings.Cut(subtest, "/")
			topics, tests = append(topics, regexp.QuoteMeta(topic)), append(tests, regexp.QuoteMeta(test))
		}
		run += "/^(" + strings.Join(topics, "|") + ")$/^(" + strings.Join(tests, "|") + ")$"
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+run, "-test.short", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), faultVariable+"="+fault)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
