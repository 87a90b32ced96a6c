package verify

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strconv"
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/record/tape"
)

// imitation is a kernel that is a machine itself, and writes what a recorder would: with it a recording can be made of a
// schedule that nobody's kernel has run, and the machine can be held against one that is wrong on purpose.
type imitation struct {
	t    *testing.T
	kind kind
	m    *kernel.Machine
	w    *tape.Writer
	rand *rand.Rand
	now  int64
	pids map[machine.TaskID]uint32
	last uint32
}

const imitatedCPUs = 2

// kind is what is imitated.
type kind struct {
	arch machine.Arch
	pcid bool // with page-table isolation

	disorder bool // slots come at random, not round robin
	naps     bool // idle CPUs leave what they have borrowed
}

func (k kind) config() machine.Config {
	return machine.Config{Release: machine.V6_12, Arch: k.arch, CPUs: imitatedCPUs, Tasks: 64, MMs: 64, ASIDBits: 16, KPTI: k.arch == machine.ARM64, PCID: k.pcid, PTI: k.pcid}
}

func (k kind) meta() *tape.Meta {
	m := &tape.Meta{Release: "6.12.0", Arch: "x86_64", CPUs: imitatedCPUs, Online: imitatedCPUs, Config: map[string]string{"pcid": strconv.FormatBool(k.pcid), "pti": strconv.FormatBool(k.pcid)}}
	if k.arch == machine.ARM64 {
		m.Arch = "aarch64"
	}
	return m
}

func (k *imitation) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *imitation) name(id machine.MMID) tape.MMID {
	switch id {
	case machine.NoMM:
		return tape.NoMM
	case machine.InitMM:
		return tape.InitMM
	}
	// A number for each address space, not for each slot of the machine.
	return tape.MMID(k.m.S.MMs[id].Serial + 10)
}

func (k *imitation) task(id machine.TaskID) tape.Task {
	t := &k.m.S.Tasks[id]
	v := tape.Task{PID: k.pids[id], TGID: k.pids[id], State: uint32(t.State), MM: k.name(t.MM), ActiveMM: k.name(t.ActiveMM)}
	switch t.Kind {
	case machine.KernelTask:
		v.Flags = tape.FlagKthread
	case machine.IdleTask:
		v.Flags = tape.FlagKthread | tape.FlagIdle
	}
	return v
}

func (k *imitation) mm(id machine.MMID) tape.MM {
	if id == machine.NoMM {
		return tape.MM{}
	}
	mm := &k.m.S.MMs[id]
	v := tape.MM{ID: k.name(id), Users: mm.Users, Count: mm.Count, Ctx: uint64(mm.Serial), Gen: mm.TLBGen}
	if k.m.S.Config.Arch == machine.ARM64 {
		v.Ctx = mm.ContextID
	}
	return v
}

func (k *imitation) write(kind tape.Kind, cpu machine.CPUID, prev, next machine.TaskID, user machine.MMID) {
	k.now += 30_000_000 // nobody is in flight: the machine settles after each operation
	e := tape.Event{Kind: kind, CPU: uint16(cpu), Time: k.now, Prev: k.task(prev), Active: k.mm(k.m.S.Tasks[prev].ActiveMM), User: k.mm(user)}
	if next != machine.NoTask {
		e.Next = k.task(next)
	}
	if k.m.S.Config.Arch == machine.X86 {
		x := &k.m.S.X86[cpu]
		if kind == tape.Switch && k.m.S.Config.PCID {
			k.writeSlots(cpu, x)
		}
		e.Known, e.Lazy, e.LoadedMM, e.ASID, e.NextASID, e.SlotGen = tape.KnownLazy|tape.KnownTLB, x.Lazy, k.name(x.LoadedMM), x.ASID, x.NextASID, x.Ctxs[x.ASID].TLBGen
	} else {
		a := &k.m.S.ARM64[cpu]
		e.Known, e.ActiveASID, e.ReservedASID, e.Generation = tape.KnownASID, a.ActiveASID, a.ReservedASID, k.m.S.Global.ASIDGeneration
	}
	k.must(k.w.Write(&e))
}

// writeSlots writes down all slots each time; the file's reader must not mind.
func (k *imitation) writeSlots(cpu machine.CPUID, x *machine.X86CPU) {
	for i, slot := range x.Ctxs {
		k.must(k.w.Write(&tape.Event{Kind: tape.Slot, CPU: uint16(cpu), Time: k.now, ASID: uint16(i), Active: tape.MM{Ctx: slot.CtxID}, SlotGen: slot.TLBGen}))
	}
	if x.InvalidOther {
		k.must(k.w.Write(&tape.Event{Kind: tape.InvalidateOther, CPU: uint16(cpu), Time: k.now}))
	}
}

func (k *imitation) curr(cpu machine.CPUID) machine.TaskID { return k.m.S.CPUs[cpu].Curr }

// choose is a task that can come next on a CPU: one that runs nowhere, or the idle task.
func (k *imitation) choose(cpu machine.CPUID) machine.TaskID {
	ready := []machine.TaskID{k.m.S.CPUs[cpu].Idle}
	for id := range k.m.S.Tasks {
		t, task := machine.TaskID(id), &k.m.S.Tasks[id]
		if id >= imitatedCPUs && task.Kind != machine.FreeTask && task.State != machine.TaskDead && k.curr(0) != t && k.curr(1) != t {
			ready = append(ready, t)
		}
	}
	return ready[k.rand.IntN(len(ready))]
}

// step makes something happen, and reports it as the kernel would: a switch before it happens, all else after.
func (k *imitation) step() {
	cpu := machine.CPUID(k.rand.IntN(imitatedCPUs))
	prev := k.curr(cpu)
	task := &k.m.S.Tasks[prev]
	user := task.MM != machine.NoMM
	switch n := k.rand.IntN(20); {
	case n == 0 && user && len(k.pids) < 24:
		flags := int32(k.rand.IntN(2)) * kernel.CloneVM
		child, err := k.m.Fork(cpu, cpu, flags)
		k.must(err)
		k.last++
		k.pids[child] = k.last
		k.write(tape.Fork, cpu, prev, child, k.m.S.Tasks[child].MM)
	case n == 1 && user:
		mm, err := k.m.Execve(cpu)
		k.must(err)
		k.write(tape.Exec, cpu, prev, machine.NoTask, mm)
	case n == 2 && user && len(k.pids) > 6:
		k.must(k.m.Enter(cpu, "exit_mm", machine.Frame{}))
		k.write(tape.Exit, cpu, prev, machine.NoTask, machine.NoMM)
	case n == 3 && user:
		k.must(k.m.Munmap(cpu, 1, false))
	default:
		k.change(cpu, prev)
	}
}

// change is a switch; a task that has given up its address space leaves for good.
func (k *imitation) change(cpu machine.CPUID, prev machine.TaskID) {
	next := k.choose(cpu)
	if next == prev {
		return
	}
	task := &k.m.S.Tasks[prev]
	dies := task.Kind == machine.UserTask && task.MM == machine.NoMM
	if dies {
		task.State = machine.TaskDead
	}
	if idle := k.m.S.CPUs[cpu].Idle; k.kind.naps && prev == idle && k.rand.IntN(2) == 0 {
		k.must(k.m.Enter(cpu, "leave_mm", machine.Frame{}))
	}
	if k.m.S.Config.PTI && k.rand.IntN(20) == 0 {
		k.m.S.X86[cpu].InvalidOther = true // flush_tlb_one_kernel
	}
	k.write(tape.Switch, cpu, prev, next, k.m.S.Tasks[next].MM)
	if next != k.m.S.CPUs[cpu].Idle {
		k.must(k.m.Place(next, cpu))
	}
	if dies {
		task.State = machine.TaskRunning
		k.must(k.m.Exit(cpu, next))
		k.must(k.m.Reap(cpu, prev))
		delete(k.pids, prev)
		return
	}
	if k.kind.disorder {
		k.m.S.X86[cpu].NextASID = uint16(k.rand.IntN(machine.X86Slots + 1))
	}
	k.must(k.m.Switch(cpu, next, false))
}

// imitate records a random schedule on a machine.
func imitate(t *testing.T, what kind, seed uint64, steps int) *bytes.Buffer {
	t.Helper()
	var file bytes.Buffer
	m, err := kernel.Boot(what.config(), arch.Port(what.arch))
	k := &imitation{t: t, kind: what, m: m, w: tape.NewWriter(&file, what.meta()), rand: rand.New(rand.NewPCG(seed, 1)), pids: map[machine.TaskID]uint32{}, last: 100}
	k.must(err)
	for range 4 {
		id, err := m.Spawn(0, 0)
		k.must(err)
		k.last++
		k.pids[id] = k.last
	}
	for range 2 {
		id, err := m.Fork(0, 0, kernel.CloneKernel)
		k.must(err)
		k.last++
		k.pids[id] = k.last
	}
	for range steps {
		k.step()
	}
	k.must(k.w.Close())
	return &file
}

func verified(t *testing.T, file *bytes.Buffer, o Options) *Report {
	t.Helper()
	in, err := tape.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), in, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAKernelLikeTheMachineIsPredicted(t *testing.T) {
	for _, a := range []kind{{arch: machine.X86}, {arch: machine.X86, pcid: true}, {arch: machine.ARM64}} {
		for seed := range uint64(4) {
			r := verified(t, imitate(t, a, seed, 4000), Options{})
			if r.Fault() || r.Gaps != 0 {
				t.Errorf("%v, seed %d: %d gaps, violations %v, our fault %v", a, seed, r.Gaps, r.Violations, r.Mismatches[OurFault])
			}
			r.Each(func(f Fact, tally Tally) {
				if tally.Predicted != tally.Checked {
					t.Errorf("%v, seed %d: %s predicted %d of %d; %v", a, seed, f, tally.Predicted, tally.Checked, r.Mismatches)
				}
			})
			if r.Facts[ActiveMM].Checked < 1000 || r.Facts[Count].Checked < 1000 {
				t.Errorf("%v, seed %d: hardly anything was checked: %+v", a, seed, r.Facts)
			}
			if a.pcid && (r.Facts[Slots].Checked < 1000 || r.Facts[NextASID].Checked < 1000) {
				t.Errorf("seed %d: hardly any slots were checked: %+v", seed, r.Facts)
			}
		}
	}
}

// A machine with a known bug must be told from a kernel without.
func TestABrokenMachineIsFoundOut(t *testing.T) {
	what := kind{arch: machine.X86}
	for _, name := range []string{"kthread-transfer-leaks", "kthread-transfer-drops-twice", "exit-mm-without-grab"} {
		t.Run(name, func(t *testing.T) {
			c := what.config()
			port := arch.Port(machine.X86)
			v, err := kernel.FindVariation(name, &c, port)
			if err != nil {
				t.Fatal(err)
			}
			paths, err := v.Paths(&c, port)
			if err != nil {
				t.Fatal(err)
			}
			if r := verified(t, imitate(t, what, 1, 4000), Options{Variations: paths}); r.Causes[OurFault] == 0 {
				t.Errorf("nothing is found to be the machine's fault: %+v, causes %v", r.Facts, r.Causes)
			}
		})
	}
}
