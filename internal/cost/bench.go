//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// bench is what is to be measured.
type bench struct {
	rounds   int
	each     time.Duration
	cpu      int
	realtime int
	binary   string
}

// Result is what was measured, of all that ran beside the ping-pong.
type Result struct {
	Rounds int    `json:"rounds"`
	Beside []Cost `json:"beside"`
}

// Cost is what one neighbour did to the ping-pong.
type Cost struct {
	Name   string    `json:"name"`
	TripNS []int64   `json:"trip_ns"` // by round
	Ratio  []float64 `json:"ratio"`   // to bare, of the same round
	Median float64   `json:"median_ratio"`
}

// neighbour is what runs beside the ping-pong.
type neighbour struct {
	name   string
	settle time.Duration
	start  func() (stop func() error, err error)
}

func nothing() (func() error, error) { return func() error { return nil }, nil }

// process is a neighbour that is a process.
func process(name string, argv ...string) neighbour {
	return neighbour{name, settle, func() (func() error, error) {
		return startRecorder(exec.Command(argv[0], argv[1:]...))
	}}
}

func (b *bench) run(ctx context.Context) (*Result, error) {
	if b.rounds < 1 || b.each <= 0 {
		return nil, fmt.Errorf("%d rounds of %s are nothing to measure", b.rounds, b.each)
	}
	dir, err := os.MkdirTemp("", "switchyard-cost-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all, err := b.neighbours(ctx, dir)
	if err != nil {
		return nil, err
	}
	p, err := startPingPong(b.cpu, b.realtime)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	r := &Result{Rounds: b.rounds}
	for _, n := range all {
		r.Beside = append(r.Beside, Cost{Name: n.name})
	}
	for round := range b.rounds {
		for i := range all {
			at := (i + round) % len(all)
			ns, err := b.measure(ctx, p, all[at])
			if err != nil {
				return nil, fmt.Errorf("beside %s: %w", all[at].name, err)
			}
			r.Beside[at].TripNS = append(r.Beside[at].TripNS, ns)
		}
	}
	r.compare()
	return r, nil
}

// neighbours are nothing, the recorder, and perf if it is installed.
func (b *bench) neighbours(ctx context.Context, dir string) ([]neighbour, error) {
	if b.binary == "" {
		b.binary = filepath.Join(dir, "switchyard")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/switchyard")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building switchyard: %w\n%s", err, out)
		}
	}
	all := []neighbour{{"nothing", shortly, nothing}, {"an empty program", shortly, emptyProgram},
		process("switchyard record", b.binary, "record", "-o", filepath.Join(dir, "rec.arrow"))}
	if perf, err := exec.LookPath("perf"); err == nil {
		all = append(all, process("perf record", perf, "record", "-q", "-e", "sched:sched_switch", "-a", "-o", filepath.Join(dir, "perf.data")))
	} else {
		fmt.Fprintln(os.Stderr, "cost: there is no perf to compare with")
	}
	return all, nil
}

// settle is how long a recorder has to attach itself and to have used its memory once.
const settle = 3 * time.Second

// shortly is how long the ping-pong has to recover from what began or ended.
const shortly = 200 * time.Millisecond

func (b *bench) measure(ctx context.Context, p *pingPong, n neighbour) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	stop, err := n.start()
	if err != nil {
		return 0, err
	}
	ns, err := p.trip(n.settle, b.each)
	return ns, errors.Join(err, stop())
}

func (r *Result) compare() {
	bare := r.Beside[0].TripNS
	for i := range r.Beside {
		c := &r.Beside[i]
		for round, ns := range c.TripNS {
			c.Ratio = append(c.Ratio, float64(ns)/float64(bare[round]))
		}
		sorted := slices.Sorted(slices.Values(c.Ratio))
		c.Median = sorted[len(sorted)/2]
	}
}

func (r *Result) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "beside\tmedian trip ns\tleast\tmost\tto nothing, median of rounds\t")
	for _, c := range r.Beside {
		sorted := slices.Sorted(slices.Values(c.TripNS))
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.3f\t\n", c.Name, sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1], c.Median)
	}
	t.Flush()
	fmt.Fprintln(w, "A trip is two switches of address spaces.")
}
