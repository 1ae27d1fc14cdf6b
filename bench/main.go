// Command bench shows how close the library is to what the machine can do. It measures each path
// in turns with a baseline, and prints the ratios; the script run beside it builds and calls it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	run := measureAll
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		run = func() error { return serve(os.Args[2:]) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measureAll() (err error) {
	isQuick := flag.Bool("quick", false, "measure for a minute or two, with little data, and write no document")
	only := flag.String("only", "", "measure only the rows, or the part (growth, latency), whose name begins with this; rows are replaced in a table of the same day and machine")
	docs := flag.String("docs", "", "the folder with performance.md, whose figures and pictures are replaced where a part is measured in full")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	s := full
	if *isQuick {
		s, *docs = quick, ""
	}
	b, err := newBench(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	m := run{bench: b, document: document{*docs}, began: time.Now()}
	return m.parts(*only)
}

// run is a bench with a place for what it measures.
type run struct {
	*bench
	document document
	began    time.Time
}

func (r run) parts(only string) error {
	if err := r.table(only); err != nil {
		return err
	}
	if strings.HasPrefix(partGrowth, only) {
		if err := r.growth(); err != nil {
			return err
		}
	}
	if strings.HasPrefix(partLatency, only) {
		return r.latency()
	}
	return nil
}

// publish writes a part, with where and when it was measured, unless this run has no document.
func (r run) publish(part, text string) error {
	if r.document.docs == "" {
		return nil
	}
	return r.document.write(part, machine(r.began)+"\n\n"+text)
}

func (r run) table(only string) error {
	var all []measured
	for _, row := range rows() {
		if !strings.HasPrefix(row.name, only) {
			continue
		}
		results, err := r.bench.run(row)
		if err != nil {
			return err
		}
		m := measured{row, results}
		m.print(os.Stdout)
		all = append(all, m)
	}
	if only == "" {
		return r.publish(partTable, table(all))
	}
	if r.document.docs == "" || len(all) == 0 {
		return nil
	}
	err := r.document.replaceRows(machine(r.began), all)
	if errors.Is(err, errOtherTable) {
		fmt.Println("Not written:", err)
		return nil
	}
	return err
}

func (r run) growth() error {
	stages, err := r.growthOf(func(st stage) {
		fmt.Printf("%-10s %11s licenses:", st.store, thousands(st.licenses))
		for i, call := range calls {
			fmt.Printf("  %s %s", call, duration(st.nanos[i]))
		}
		fmt.Println()
	})
	if err != nil || r.document.docs == "" {
		return err
	}
	return errors.Join(drawGrowth(r.document.pictures(), stages), r.publish(partGrowth, growthTable(stages)))
}

func (r run) latency() error {
	curves, err := r.latencies(func(c curve) {
		for _, p := range c.points {
			fmt.Printf("%-10s %8.0f/s: median %s, 99 %% %s\n", c.server, p.rate, nanos(p.p50), nanos(p.p99))
		}
	})
	if err != nil || r.document.docs == "" {
		return err
	}
	return errors.Join(drawLatency(r.document.pictures(), curves), r.publish(partLatency, latencyTable(curves)))
}
