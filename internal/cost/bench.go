//go:build linux

package main

import (
	"cmp"
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

	"github.com/cilium/ebpf/asm"
)

// bench is what is to be measured.
type bench struct {
	rounds   int
	each     time.Duration
	cpu      int
	partner  int // the CPU of the other process
	realtime int
	binary   string
}

// Result is what was measured, of all that ran beside the ping-pong.
type Result struct {
	Rounds int    `json:"rounds"`
	Trip   string `json:"trip"` // what is in one
	Beside []Cost `json:"beside"`
}

// Cost is what one neighbour did to the ping-pong.
type Cost struct {
	Name   string    `json:"name"`
	TripNS []int64   `json:"trip_ns"`      // by round; of nothing, before and after each of the others
	Ratio  []float64 `json:"ratio"`        // by round: to nothing, the mean of before and after
	Median float64   `json:"median_ratio"` // 1 of nothing
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
	p, err := startPingPong(b.cpu, b.partner, b.realtime)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	return b.measureAll(ctx, p, all)
}

// measureAll measures each neighbour once a round, and nothing before and after it: a machine that others use too is slow
// and fast by turns, for longer than that takes.
func (b *bench) measureAll(ctx context.Context, p *pingPong, all []neighbour) (*Result, error) {
	r := &Result{Rounds: b.rounds, Trip: "A trip is two switches of address spaces.", Beside: make([]Cost, 1+len(all))}
	if b.partner != b.cpu {
		r.Trip = "A trip is on each of two CPUs a switch to the idle task and one back."
	}
	bare, costs := &r.Beside[0], r.Beside[1:]
	alone := neighbour{"nothing", shortly, nothing}
	bare.Name, bare.Median = alone.name, 1
	before, err := b.measure(ctx, p, alone)
	if err != nil {
		return nil, err
	}
	bare.TripNS = append(bare.TripNS, before)
	for round := range b.rounds {
		for i := range all {
			at := (i + round) % len(all)
			c := &costs[at]
			c.Name = all[at].name
			ns, err := b.measure(ctx, p, all[at])
			if err != nil {
				return nil, fmt.Errorf("beside %s: %w", c.Name, err)
			}
			after, err := b.measure(ctx, p, alone)
			if err != nil {
				return nil, err
			}
			bare.TripNS, c.TripNS = append(bare.TripNS, after), append(c.TripNS, ns)
			c.Ratio = append(c.Ratio, 2*float64(ns)/float64(before+after))
			before = after
		}
	}
	for i := range costs {
		costs[i].Median = median(costs[i].Ratio)
	}
	return r, nil
}

func median[T cmp.Ordered](all []T) T { return slices.Sorted(slices.Values(all))[len(all)/2] }

// neighbours are the smallest programs, the recorder, and perf if it is installed.
func (b *bench) neighbours(ctx context.Context, dir string) ([]neighbour, error) {
	if b.binary == "" {
		b.binary = filepath.Join(dir, "switchyard")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/switchyard")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building switchyard: %w\n%s", err, out)
		}
	}
	all := []neighbour{{"an empty program", shortly, smallest()}, {"a look at the clock", shortly, smallest(asm.FnKtimeGetNs.Call())},
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

func (r *Result) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "beside\tmedian trip ns\tleast\tmost\tto nothing before and after, median of rounds\t")
	for _, c := range r.Beside {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.3f\t\n", c.Name, median(c.TripNS), slices.Min(c.TripNS), slices.Max(c.TripNS), c.Median)
	}
	t.Flush()
	fmt.Fprintln(w, r.Trip)
}
