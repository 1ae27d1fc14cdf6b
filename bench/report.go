package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/privatepkgs/license/bench/internal/measure"
)

// The parts of docs/performance.md that a run writes stand between marks with their names.
const (
	partTable   = "table"
	partGrowth  = "growth"
	partLatency = "latency"
)

// document is docs/performance.md.
type document struct{ docs string }

func (d document) path() string     { return filepath.Join(d.docs, "performance.md") }
func (d document) pictures() string { return filepath.Join(d.docs, "performance") }

// write replaces one part.
func (d document) write(part, text string) error {
	return d.edit(part, func(string) (string, error) { return text, nil })
}

// edit replaces one part by what edited makes of it.
func (d document) edit(part string, edited func(old string) (string, error)) error {
	whole, err := os.ReadFile(d.path())
	if err != nil {
		return err
	}
	begin, end := "<!-- measured: "+part+" -->\n", "<!-- end of "+part+" -->"
	before, rest, ok := strings.Cut(string(whole), begin)
	old, after, found := strings.Cut(rest, end)
	if !ok || !found {
		return fmt.Errorf("%s has no place for the part %q", d.path(), part)
	}
	text, err := edited(old)
	if err != nil {
		return err
	}
	return os.WriteFile(d.path(), []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}

var errOtherTable = errors.New("the table is of another day or machine, and keeps its rows")

// replaceRows replaces rows of the table, if the others are of the same machine and day; if not it is [errOtherTable].
func (d document) replaceRows(machine string, rows []measured) error {
	return d.edit(partTable, func(old string) (string, error) {
		if !strings.Contains(old, machine) {
			return "", errOtherTable
		}
		lines := strings.Split(old, "\n")
		for _, m := range rows {
			first := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, m.heading()) })
			if first < 0 {
				return "", fmt.Errorf("the table in %s has no row %q; measure all of it", d.path(), m.name)
			}
			lines = slices.Replace(lines, first, first+len(m.goals), m.lines()...)
		}
		return strings.Join(lines, "\n"), nil
	})
}

// machine describes what was measured on.
func machine(began time.Time) string {
	cpu, memory := "unknown processor", ""
	if model := field("/proc/cpuinfo", "model name"); model != "" {
		cpu = model
	}
	if kb, err := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		memory = fmt.Sprintf(", %.0f GB of memory", float64(kb)/1e6)
	}
	system := runtime.GOOS
	if out, err := exec.Command("uname", "-sr").Output(); err == nil {
		system = strings.TrimSpace(string(out))
	}
	postgres := ""
	if out, err := exec.Command("postgres", "--version").Output(); err == nil {
		postgres = ", " + strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("Measured on %s: %d cores of %s%s, %s, %s%s.",
		began.UTC().Format(time.DateOnly), runtime.NumCPU(), cpu, memory, system, runtime.Version(), postgres)
}

// field returns the first value of a name in a file of lines "name: value".
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// measured is a row with what it gave.
type measured struct {
	row
	results []result
}

// print writes the row as text.
func (m measured) print(w io.Writer) {
	for i, g := range m.goals {
		r := m.results[i]
		verdict := g.verdict(r.value.Median, "ok", "MISSED")
		fmt.Fprintf(w, "%-18s %-6s %-42s goal: %-42s %12s  %s\n", m.name, verdict, value(g, r.value), g, r.subject, r.baseline)
	}
}

// verdict returns the word for a value, "" where there is no goal.
func (g goal) verdict(v float64, met, missed string) string {
	switch {
	case g.isNone():
		return ""
	case g.met(v):
		return met
	default:
		return missed
	}
}

// value writes a value with its spread.
func value(g goal, v measure.Spread) string {
	if v.Min == v.Max {
		return fmt.Sprintf("%s %s", digits(v.Median), g.unit)
	}
	return fmt.Sprintf("%s %s (%s to %s)", digits(v.Median), g.unit, digits(v.Min), digits(v.Max))
}

// table writes the rows as a table in Markdown.
func table(rows []measured) string {
	lines := []string{"| what | baseline | goal | measured | | absolute: it, baseline |", "|---|---|---|---|---|---|"}
	for _, m := range rows {
		lines = append(lines, m.lines()...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// heading is how the row begins in the table.
func (m measured) heading() string { return fmt.Sprintf("| %s | %s |", m.subject, m.baseline) }

// lines are those of the row in the table, one for each goal.
func (m measured) lines() (lines []string) {
	heading := m.heading()
	for i, g := range m.goals {
		r := m.results[i]
		absolute := r.subject
		if r.baseline != "" {
			absolute += ", " + r.baseline
		}
		verdict := g.verdict(r.value.Median, "met", "**missed**")
		lines = append(lines, fmt.Sprintf("%s %s | %s | %s | %s |", heading, g, value(g, r.value), verdict, absolute))
		heading = "|  |  |"
	}
	return lines
}

// growthTable writes what growth gave, and refers to its pictures.
func growthTable(stages []stage) string {
	var b strings.Builder
	for _, call := range calls {
		fmt.Fprintf(&b, "![%s against the number of licenses](performance/%s)\n\n", call, growthFile(call))
	}
	b.WriteString("| store | licenses |")
	for _, call := range calls {
		fmt.Fprintf(&b, " %s |", call)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(calls)) + "\n")
	for _, st := range stages {
		fmt.Fprintf(&b, "| %s | %s |", st.store, thousands(st.licenses))
		for _, nanos := range st.nanos {
			fmt.Fprintf(&b, " %s |", duration(nanos))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// latencyTable writes the curves, and refers to their picture.
func latencyTable(curves []curve) string {
	var b strings.Builder
	fmt.Fprintf(&b, "![latency against the rate of requests](performance/%s)\n\n", latencyFile)
	b.WriteString("| server | requests a second | median | 99 % are faster than |\n|---|---|---|---|\n")
	for _, c := range curves {
		for _, p := range c.points {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.server, thousands(int(p.rate)), nanos(p.p50), nanos(p.p99))
		}
	}
	return b.String()
}

func nanos(d time.Duration) string { return duration(measure.Spread{Median: float64(d)}) }
