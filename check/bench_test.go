package check

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"switchyard/machine"
)

// BenchmarkSearch is the rate of generated states, with all reductions and with none but the normal form,
// by one worker and by two. Mstates/s is by the clock; Mstates/cpu-s by the time that the process had a
// processor, which tells more on a machine that others use too.
func BenchmarkSearch(b *testing.B) {
	for _, plain := range []bool{false, true} {
		name := "reduced"
		if plain {
			name = "plain"
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", name, workers), func(b *testing.B) {
				w := benchWorld(b, plain)
				var generated, distinct uint64
				var bytes float64
				before := cpuTime()
				for b.Loop() {
					r := Search(context.Background(), w, Options{Memory: 2 << 30, Workers: workers})
					generated, distinct, bytes = generated+r.Generated, distinct+r.Distinct, r.Bytes
				}
				report(b, generated, cpuTime()-before)
				b.ReportMetric(float64(distinct)/float64(b.N), "distinct")
				b.ReportMetric(bytes, "bytes/state")
			})
		}
	}
}

// BenchmarkScaling runs one worker and two in turn, and reports how many times the rate of one two have: by
// the clock, and what that would be if the processor time of both were had at once.
func BenchmarkScaling(b *testing.B) {
	w := benchWorld(b, true)
	var wall, cpu [2]time.Duration
	for b.Loop() {
		for i := range 2 {
			before := cpuTime()
			r := Search(context.Background(), w, Options{Memory: 2 << 30, Workers: i + 1})
			wall[i] += r.Elapsed
			cpu[i] += cpuTime() - before
		}
	}
	b.ReportMetric(wall[0].Seconds()/wall[1].Seconds(), "times/wall")
	b.ReportMetric(2*cpu[0].Seconds()/cpu[1].Seconds(), "times/cpu")
}

func benchWorld(b *testing.B, plain bool) *World {
	return buildModel(b, "context-switch", Setup{Release: machine.Newest, NoReduction: plain, Actions: []string{"preempt", "sleep", "exec", "exit"}})
}

func report(b *testing.B, generated uint64, cpu time.Duration) {
	b.ReportMetric(float64(generated)/b.Elapsed().Seconds()/1e6, "Mstates/s")
	b.ReportMetric(float64(generated)/cpu.Seconds()/1e6, "Mstates/cpu-s")
}

// cpuTime is the time that the process has had on processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
