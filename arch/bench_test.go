package arch_test

import (
	"fmt"
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
)

// benchConfigs is the newest release of every port.
var benchConfigs = []machine.Config{
	{Release: machine.Newest, Arch: machine.Classic},
	{Release: machine.Newest, Arch: machine.X86, PCID: true},
	{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 16},
}

// twoProcesses boots a machine with two processes on its first CPU.
func twoProcesses(b *testing.B, c machine.Config) (*kernel.Machine, [2]machine.TaskID) {
	b.Helper()
	m, err := kernel.Boot(c, arch.Port(c.Arch))
	if err != nil {
		b.Fatal(err)
	}
	var tasks [2]machine.TaskID
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range tasks {
		tasks[i], err = m.Fork(0, 0, 0)
		must(err)
		must(m.Switch(0, tasks[i], false))
		_, err = m.Execve(0)
		must(err)
		must(m.Switch(0, 0, false))
	}
	return m, tasks
}

// BenchmarkSwitch is a whole switch from one process to another, in straight line.
func BenchmarkSwitch(b *testing.B) {
	for _, c := range benchConfigs {
		for _, cpus := range []int{1, 256} {
			c.CPUs, c.Tasks, c.MMs = cpus, cpus+8, 8
			b.Run(fmt.Sprintf("%s/%dcpu", c.Arch, cpus), func(b *testing.B) {
				m, tasks := twoProcesses(b, c)
				m.Stats = machine.Stats{}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := m.Switch(0, tasks[i&1], false); err != nil {
						b.Fatal(err)
					}
				}
				if len(m.Violations) > 0 {
					b.Fatal(m.Violations[0])
				}
				b.ReportMetric(float64(m.Stats.Steps)/float64(m.Stats.Switches), "steps/op")
			})
		}
	}
}

// BenchmarkStepCopyHash is what a checker does for every state: copy it, take one step, take the digest.
func BenchmarkStepCopyHash(b *testing.B) {
	for _, c := range benchConfigs {
		c.CPUs, c.Tasks, c.MMs = 2, 5, 4
		if c.Arch == machine.ARM64 {
			c.ASIDBits = 3
		}
		b.Run(c.Arch.String(), func(b *testing.B) {
			m, tasks := twoProcesses(b, c)
			from := m.S.Clone()
			on := m.With(from)
			from.CPUs[0].Pick = tasks[0]
			on.Push(0, on.Prog.Entry("schedule"), machine.Frame{N: 1})
			for range 12 {
				on.Step(0, 0)
			}
			b.ReportAllocs()
			sum := uint64(0)
			for b.Loop() {
				m.S.CopyFrom(from)
				m.Step(0, 0)
				sum ^= m.S.Hash()
			}
		})
	}
}
