package measure

import (
	"bufio"
	"bytes"
	"cmp"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// The bounds of what is measured again because others had the machine meanwhile.
const (
	maxStolen = 0.02 // of the time of all processors
	maxRounds = 2    // times those that were asked for

	// What is stolen is known in hundredths of a second: of a shorter round it is a share of this.
	shortRound = 500 * time.Millisecond
)

// calmest measures rounds, and more of them as long as the host of this virtual machine gave its processors to
// others in the meantime. It returns as many as were asked for, those from which the least was stolen. What
// they gave is not looked at for that.
func calmest[T any](rounds int, stolen func() time.Duration, measure func(round int) (T, error)) ([]T, error) {
	type measured struct {
		value  T
		stolen float64
	}
	var all []measured
	for calm := 0; calm < rounds && len(all) < maxRounds*rounds; {
		began, before := time.Now(), stolen()
		value, err := measure(len(all))
		if err != nil {
			return nil, err
		}
		share := (stolen() - before).Seconds() / max(time.Since(began), shortRound).Seconds() / float64(runtime.NumCPU())
		if share <= maxStolen {
			calm++
		}
		all = append(all, measured{value, share})
	}
	slices.SortStableFunc(all, func(a, b measured) int { return cmp.Compare(a.stolen, b.stolen) })
	var values []T
	for _, m := range all[:rounds] {
		values = append(values, m.value)
	}
	return values, nil
}

// stolen returns the processor time that the host of this machine has given to others since it started: the
// steal in the first line of Linux's /proc/stat, in hundredths of a second (proc_stat(5)). Elsewhere it is 0.
func stolen() time.Duration {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadBytes('\n')
	return stealOf(line)
}

func stealOf(line []byte) time.Duration {
	const name, steal = 0, 8
	fields := bytes.Fields(line)
	if len(fields) <= steal || string(fields[name]) != "cpu" {
		return 0
	}
	ticks, err := strconv.ParseInt(string(fields[steal]), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
