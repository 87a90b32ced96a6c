package x86_test

import (
	"testing"

	"switchyard/machine"
)

func benchmark(b *testing.B, c machine.Config, kernelBetween bool) {
	r := boot(b, c)
	r.Watch = nil
	k := r.kthread(0)
	var tasks [2]machine.TaskID
	for i := range tasks {
		tasks[i], _ = r.process(0)
	}
	r.sw(0, tasks[0])
	r.Stats = machine.Stats{}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if kernelBetween {
			r.Switch(0, k, false)
			r.Switch(0, tasks[0], false)
		} else {
			r.Switch(0, tasks[(n+1)&1], false)
		}
		n++
	}
	b.StopTimer()
	r.intact()
	per := 1.0
	if kernelBetween {
		per = 2
	}
	b.ReportMetric(float64(r.Stats.Steps)/float64(n)/per, "steps/switch")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/per, "ns/switch")
}

func BenchmarkUserToUser(b *testing.B) {
	for _, rel := range machine.Releases() {
		b.Run(rel.String(), func(b *testing.B) {
			benchmark(b, config(rel, 1, rel >= machine.V5_0, false), false)
		})
	}
	b.Run("7.3/pti", func(b *testing.B) { benchmark(b, config(machine.V7_3, 1, true, true), false) })
	for _, rel := range []machine.Release{machine.V4_4, machine.V7_3} {
		c := config(rel, 1, rel >= machine.V5_0, false)
		c.Registers = true
		b.Run(rel.String()+"/registers", func(b *testing.B) { benchmark(b, c, false) })
	}
}

func BenchmarkUserToKernelAndBack(b *testing.B) {
	for _, rel := range machine.Releases() {
		b.Run(rel.String(), func(b *testing.B) {
			benchmark(b, config(rel, 1, rel >= machine.V5_0, false), true)
		})
	}
}
