package scenario

import (
	"fmt"
	"strings"

	"switchyard/machine"
)

// dump writes the state of a machine for a person.
func (y *yard) dump() string {
	var b strings.Builder
	s := y.m.S
	fmt.Fprintf(&b, "  release %s, %s, lazy = %s", s.Config.Release, s.Config.Arch, s.Config.Lazy)
	if y.variant != "" {
		fmt.Fprintf(&b, ", break_ = %s", y.variant)
	}
	b.WriteByte('\n')
	for i := range s.CPUs {
		y.dumpCPU(&b, machine.CPUID(i))
	}
	for i := range s.MMs {
		if s.MMs[i].Alive&machine.HasStruct != 0 {
			y.dumpMM(&b, machine.MMID(i))
		}
	}
	for i := len(s.CPUs); i < len(s.Tasks); i++ {
		if s.Tasks[i].Kind != machine.FreeTask {
			y.dumpTask(&b, machine.TaskID(i))
		}
	}
	return b.String()
}

func (y *yard) dumpCPU(b *strings.Builder, cpu machine.CPUID) {
	c := &y.m.S.CPUs[cpu]
	fmt.Fprintf(b, "  cpu %d: runs %s, active_mm %s, root %s", cpu, y.TaskName(c.Curr), y.MMName(y.m.S.Tasks[c.Curr].ActiveMM), y.MMName(c.Root))
	if c.PrevMM != machine.NoMM {
		fmt.Fprintf(b, ", prev_mm %s", y.MMName(c.PrevMM))
	}
	if y.isLazy(cpu) {
		b.WriteString(", lazy")
	}
	if y.m.S.Config.Arch != machine.Classic {
		fmt.Fprintf(b, ", asid %s", y.hardwareASID(cpu))
	}
	if !c.Online {
		b.WriteString(", offline")
	}
	if c.Stack != c.Curr {
		fmt.Fprintf(b, ", on the stack of %s", y.TaskName(c.Stack))
	}
	if in := y.m.Next(cpu); in != nil {
		fmt.Fprintf(b, ", at %s", stepName(in))
	}
	b.WriteByte('\n')
}

func (y *yard) dumpMM(b *strings.Builder, id machine.MMID) {
	mm := &y.m.S.MMs[id]
	fmt.Fprintf(b, "  mm %s: users %d, count %d", y.MMName(id), mm.Users, mm.Count)
	if mm.Alive&machine.HasTables == 0 {
		b.WriteString(", nothing mapped")
	}
	if mm.Alive&machine.HasRoot == 0 {
		b.WriteString(", root freed")
	}
	if id != machine.InitMM && y.m.S.Config.Arch != machine.ARM64 {
		fmt.Fprintf(b, ", cpus %s", y.cpuList(y.m.S.MMCPUMask(id)))
	}
	b.WriteByte('\n')
}

func (y *yard) dumpTask(b *strings.Builder, id machine.TaskID) {
	t := &y.m.S.Tasks[id]
	fmt.Fprintf(b, "  task %s: %s, %s", y.TaskName(id), kindNames[t.Kind], t.State)
	switch {
	case y.m.S.CPUs[t.CPU].Curr == id:
		fmt.Fprintf(b, " on cpu %d", t.CPU)
	case t.OnRQ != 0:
		fmt.Fprintf(b, ", queued on cpu %d", t.CPU)
	}
	fmt.Fprintf(b, ", mm %s, active_mm %s\n", y.MMName(t.MM), y.MMName(t.ActiveMM))
}
