package arm64_test

import (
	"testing"

	"switchyard/machine"
)

// BenchmarkSwitch is one whole switch in straight line, from schedule() back to user mode.
func BenchmarkSwitch(b *testing.B) {
	for _, bench := range []struct {
		name string
		c    machine.Config
		idle bool // user → idle → user: two switches an op
	}{
		{"user-user/4.4", machine.Config{Release: machine.V4_4}, false},
		{"user-user/6.1", machine.Config{Release: machine.V6_1}, false},
		{"user-user/6.12", machine.Config{Release: machine.V6_12}, false},
		{"user-user/7.3", machine.Config{Release: machine.V7_3}, false},
		{"user-user/7.3-kpti-pan", machine.Config{Release: machine.V7_3, KPTI: true, PAN: true}, false},
		{"user-user/4.4-registers", machine.Config{Release: machine.V4_4, Registers: true}, false},
		{"user-user/7.3-registers", machine.Config{Release: machine.V7_3, Registers: true}, false},
		{"user-kthread-user/7.3-registers", machine.Config{Release: machine.V7_3, Registers: true}, true},
		{"user-kthread-user/6.12", machine.Config{Release: machine.V6_12}, true},
		{"user-kthread-user/7.3", machine.Config{Release: machine.V7_3}, true},
	} {
		b.Run(bench.name, func(b *testing.B) {
			bench.c.CPUs, bench.c.ASIDBits = 1, 16
			r := newRig(b, bench.c)
			p, _ := r.process(0)
			q, _ := r.process(0)
			tasks := [2]machine.TaskID{p, q}
			if bench.idle {
				tasks[0] = r.kthread(0)
			}
			r.Stats = machine.Stats{}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := r.Switch(0, tasks[i&1], false); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(r.Stats.Steps)/float64(b.N), "steps/op")
			r.ok()
		})
	}
}
