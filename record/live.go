//go:build linux

package record

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"switchyard/record/bpf"
	"switchyard/record/tape"
)

// probe is a tracepoint and the programs that sit on it.
type probe struct {
	point    string
	optional bool
	programs []string
}

// probes are in the order in which they are attached, and detached the other way round. Each time the kernel patches its
// text, through an address space that has nothing to do with the schedule and takes one of x86's slots: what can be done
// before the first switch is recorded is done before it.
var probes = []probe{
	{"sched_process_fork", false, []string{bpf.ObjectProgOnFork, bpf.ObjectProgOnForkAgain}},
	{"sched_process_exec", false, []string{bpf.ObjectProgOnExec, bpf.ObjectProgOnExecAgain}},
	{"sched_process_exit", false, []string{bpf.ObjectProgOnExit, bpf.ObjectProgOnExitAgain}},
	{"sched_process_free", false, []string{bpf.ObjectProgOnFree, bpf.ObjectProgOnFreeAgain}},
	{"sched_prepare_exec", true, []string{bpf.ObjectProgOnPrepareExec, bpf.ObjectProgOnPrepareExecAgain}},
	{"exit_mmap", true, []string{bpf.ObjectProgOnExitMmap, bpf.ObjectProgOnExitMmapAgain}},
	{"task_rename", true, []string{bpf.ObjectProgOnRename, bpf.ObjectProgOnRenameAgain}},
	{"sched_switch", false, []string{bpf.ObjectProgOnSwitch}},
}

// live is a recorder attached to the running kernel.
type live struct {
	arm      bool
	layout   *layout
	geometry geometry
	missing  []string
	all      *ebpf.Collection
	links    []link.Link
	shelves  *shelves
}

// attach loads the programs, with what this kernel lacks left out, and attaches them.
func attach(o *Options) (*live, error) {
	l := &live{arm: runtime.GOARCH == "arm64"}
	if runtime.GOARCH != "amd64" && !l.arm {
		return nil, fmt.Errorf("kernels for x86-64 and arm64 can be recorded, not for %s", runtime.GOARCH)
	}
	if err := mayRecord(); err != nil {
		return nil, err
	}
	var err error
	if l.layout, err = readLayout(l.arm); err != nil {
		return nil, err
	}
	spec, err := bpf.LoadObject()
	if err != nil {
		return nil, err
	}
	if err := l.fit(spec, o); err != nil {
		return nil, err
	}
	if l.all, err = ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: l.layout.spec}}); err != nil {
		return nil, explain(err)
	}
	if l.shelves, err = openShelves(l.geometry, l.all.Maps[bpf.ObjectMapShelves], l.all.Maps[bpf.ObjectMapSlots]); err != nil {
		l.close()
		return nil, err
	}
	for _, p := range probes {
		for _, name := range p.programs {
			if err := l.sit(p.point, l.all.Programs[name]); err != nil {
				l.close()
				return nil, err
			}
		}
	}
	return l, nil
}

// sit attaches a program to a tracepoint, if the kernel has it.
func (l *live) sit(point string, program *ebpf.Program) error {
	if program == nil {
		return nil
	}
	attached, err := link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return fmt.Errorf("the kernel does not let a program be attached to %s: %w", point, err)
	}
	l.links = append(l.links, attached)
	return nil
}

// fit adapts the programs to the kernel.
func (l *live) fit(spec *ebpf.CollectionSpec, o *Options) error {
	for _, p := range probes {
		switch {
		case l.layout.hasProbe(p.point):
		case p.optional:
			l.missing = append(l.missing, p.point)
			for _, name := range p.programs {
				delete(spec.Programs, name)
			}
		default:
			return fmt.Errorf("the kernel has no tracepoint %s: recording needs Linux 6.1 or newer with CONFIG_TRACEPOINTS=y", p.point)
		}
	}
	if !l.layout.hasTail {
		l.missing = append(l.missing, "per-CPU variables")
	}
	if o.Buffer == 0 {
		o.Buffer = DefaultBuffer
	}
	tail := uint32(24)
	if !l.arm {
		tail = uint32(max(l.layout.tlb.slots(l.slots()), 24))
	}
	if err := l.furnish(spec, o.Buffer, rawSize+int(tail)); err != nil {
		return err
	}
	for name, v := range map[string]any{
		"tail_offset": l.layout.tail, "lazy_offset": l.layout.lazy, "reserved_offset": l.layout.reserved,
		"tail_size": tail, "has_tail": l.layout.hasTail, "has_lazy": l.layout.hasLazy, "is_arm64": l.arm,
		"by_field": l.layout.byField, "slots_in_use": uint32(l.slots()),
		"generation_address": l.generation(), "segments": uint32(l.geometry.segments), "segment_slots": uint32(l.geometry.segmentSlots),
	} {
		if err := spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// furnish gives the programs a buffer of that many bytes, for slots of that size.
func (l *live) furnish(spec *ebpf.CollectionSpec, buffer, slotSize int) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	if l.geometry, err = divide(buffer, (slotSize+7)&^7, cpus); err != nil {
		return err
	}
	spec.Maps[bpf.ObjectMapShelves].MaxEntries = uint32(cpus)
	slots := spec.Maps[bpf.ObjectMapSlots]
	slots.MaxEntries, slots.ValueSize, slots.Value = uint32(l.geometry.slots()), uint32(l.geometry.slotSize), nil
	return nil
}

// slots is how many of x86's slots are in use: without PCID the first one alone.
func (l *live) slots() int {
	if cpuFlags()["pcid"] {
		return tape.Slots
	}
	return 1
}

// generation is where arm64's asid_generation lies, if the kernel says so.
func (l *live) generation() uint64 {
	if !l.arm {
		return 0
	}
	return symbol("asid_generation")
}

// mayRecord says what right is missing before the kernel does, which says only "operation not permitted".
func mayRecord() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	if has(unix.CAP_SYS_ADMIN) {
		return nil
	}
	var lacks []string
	for _, c := range []struct {
		number int
		name   string
	}{{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}} {
		if !has(c.number) {
			lacks = append(lacks, c.name)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("recording needs CAP_BPF and CAP_PERFMON, and this process lacks %s: run it with sudo, or once "+
		"`sudo setcap cap_bpf,cap_perfmon=ep $(which switchyard)`", strings.Join(lacks, " and "))
}

// explain adds what to do to the kernel's refusal of a program.
func explain(err error) error {
	var v *ebpf.VerifierError
	switch {
	case errors.As(err, &v):
		return fmt.Errorf("the kernel's verifier refuses a program of the recorder; please report this with the text that follows: %+v", v)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("the kernel refuses to load the recorder's programs: in a container it needs CAP_BPF and CAP_PERFMON, and a kernel in "+
			"lockdown=confidentiality lets nobody record (%w)", err)
	}
	return err
}

// snapshot has the kernel write all tasks into the ring.
func (l *live) snapshot() error {
	iterator, err := link.AttachIter(link.IterOptions{Program: l.all.Programs[bpf.ObjectProgSnapshot]})
	if err != nil {
		return fmt.Errorf("the kernel does not list its tasks: %w", err)
	}
	defer iterator.Close()
	r, err := iterator.Open()
	if err != nil {
		return fmt.Errorf("the kernel does not list its tasks: %w", err)
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// missed is how often a program did not run because its CPU was in it already, for the first programs of all
// tracepoints: what none of two saw is what the first did not see, less what only the second did.
func (l *live) missed() uint64 {
	var n uint64
	for _, p := range probes {
		program := l.all.Programs[p.programs[0]]
		if program == nil {
			continue
		}
		if s, err := program.Stats(); err == nil {
			n += s.RecursionMisses
		}
	}
	return n
}

// detach ends the recording; what is in the ring stays there.
func (l *live) detach() {
	for _, k := range slices.Backward(l.links) {
		k.Close()
	}
	l.links = nil
}

func (l *live) close() {
	l.detach()
	if l.shelves != nil {
		l.shelves.close()
	}
	l.all.Close()
}
