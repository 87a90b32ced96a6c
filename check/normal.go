package check

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// A machine keeps things that no step will ever look at again, and numbers that only count upwards.
// Two states that differ in nothing else are one state to whoever explores them. A normal form takes
// that away:
//
//   - serials, which are compared with each other and nothing else, become those of the slots;
//   - slots that nobody uses are empty;
//   - page-table changes that every CPU has honoured are no longer counted;
//   - likewise generations of ASIDs that nobody has an id of any more;
//   - of a frame that has called another path only what it will read when that returns is kept, and likewise
//     of the switch that a task was left in.
type normal struct {
	deadSerial uint32 // serials above it belong to address spaces that are gone
	nextSerial uint32
	gens       []bool // x86, for each program counter: the path has generations in its frame
	keep       []frameKeep
	settled    []bool // for each program counter: a task that stands there holds nothing that the ledger cannot see
	renamed    []uint32
	ids        *generations // arm64; nil for none
	left       uint32       // where a task that was switched out stands

	_ apart
}

// frameKeep says what of a frame is read again.
type frameKeep uint8

const (
	keepAll   frameKeep = iota
	keepPrev            // who was left: what finish_task_switch works on where switch_to does not say it
	keepAsked           // whether it was preempted
	keepNone
)

// atRest are the paths in which a switched-out task stands that was not interrupted in the middle of
// something else.
var atRest = []string{"exit_to_user_mode", "schedule", "__schedule", "context_switch", "ret_from_fork", "schedule_tail", "do_exit", "do_task_dead", "el1_interrupt",
	"wait_for_vfork_done"}

func newNormal(s *machine.State, p *step.Program, bounded bool) *normal {
	n := &normal{deadSerial: uint32(len(s.MMs)), keep: make([]frameKeep, p.Len()), settled: make([]bool, p.Len())}
	n.nextSerial = n.deadSerial + 1000
	n.renamed = ownLines[uint32](0)
	n.ids = newGenerations(s, p, !bounded)
	if s.Config.Arch == machine.X86 {
		n.gens = make([]bool, p.Len())
	}
	for pc := range uint32(p.Len()) {
		in := p.At(pc)
		if in.Path == nil {
			continue
		}
		// A vfork parent has nothing to do behind its wait either.
		n.settled[pc] = slices.Contains(atRest, in.Path.Name) || p.AfterCall(pc) && p.At(pc-1).Label == "wait_for_vfork_done"
		if n.gens != nil {
			n.gens[pc] = slices.Contains(holdGenerations, in.Path.Name)
		}
		// A frame that an interrupt or a preemption stands on has not called it, and needs all that it has.
		if p.AfterCall(pc) {
			n.keep[pc] = keepBelow[in.Path.Name]
		}
		if in.Path.Name != "context_switch" {
			continue
		}
		switch "switch_to" {
		case p.At(pc - 1).Label:
			n.keep[pc], n.left = keepPrev, pc
		case p.At(pc - 2).Label:
			n.keep[pc] = keepNone // the switch is being finished
		}
	}
	return n
}

// holdGenerations are the paths of x86 that read a generation and compare it later.
var holdGenerations = []string{"switch_mm", "switch_mm_irqs_off", "activate_mm", "load_init_mm", "leave_mm", "flush_tlb_func", "flush_tlb_mm_range",
	"unmap_region", "exit_mmap", "dup_mm", "flush_smp_call_function_queue", "do_shoot_lazy_tlb"}

// keepBelow says what a path reads of its frame after it has called another one.
var keepBelow = map[string]frameKeep{
	"__schedule": keepNone, "schedule": keepAsked, "schedule_tail": keepNone, "ret_from_fork": keepNone, "exit_to_user_mode": keepNone,
	"do_exit": keepNone, "do_task_dead": keepNone,
}

// emptyTask is a slot without a task.
var emptyTask = machine.Task{MM: machine.NoMM, ActiveMM: machine.NoMM, CPU: machine.NoCPU, PiLockedBy: machine.NoCPU,
	WakeCPU: machine.NoCPU, Vfork: machine.NoTask, FPOwner: machine.NoCPU, SavedMM: machine.NoMM}

func (n *normal) apply(s *machine.State) {
	n.tasks(s)
	nameVectors(s)
	n.mms(s)
	n.serials(s)
	n.frames(s)
	n.changes(s)
	if n.ids != nil {
		n.ids.apply(s)
	}
}

func (n *normal) tasks(s *machine.State) {
	s.Global.NextTaskSerial = 0
	for i := range s.Tasks {
		t := &s.Tasks[i]
		t.Serial = 0
		if t.Kind == machine.FreeTask && t.Depth == 0 && !stoodOn(s, machine.TaskID(i)) {
			*t = emptyTask
			if len(s.ARM64FPThreads) > 0 {
				s.ARM64FPThreads[i] = machine.ARM64FPThread{}
			}
		}
	}
}

func stoodOn(s *machine.State, t machine.TaskID) bool {
	for i := range s.CPUs {
		if c := &s.CPUs[i]; c.Stack == t || c.Curr == t || c.Current == t {
			return true
		}
	}
	return false
}

func (n *normal) mms(s *machine.State) {
	for i := range s.MMs {
		if mm := &s.MMs[i]; mm.Alive == 0 && mm.Serial != 0 {
			if mm.Count < 0 || mm.Users < 0 {
				continue // an account of the wreck
			}
			*mm = machine.MM{Serial: mm.Serial}
			clear(s.MMCPUMask(machine.MMID(i)))
		}
	}
}

// serials renames what is compared with MM.Serial: that of the address space in slot i becomes i + 1, and
// those of the dead follow in the order in which they are met.
func (n *normal) serials(s *machine.State) {
	n.renamed = n.renamed[:0]
	for i := range s.X86 {
		for j := range s.X86[i].Ctxs {
			x := &s.X86[i].Ctxs[j]
			if x.CtxID != 0 {
				x.CtxID = uint64(n.serial(s, uint32(x.CtxID)))
			}
			if x.CtxID == 0 || x.CtxID > uint64(n.deadSerial) {
				x.TLBGen = 0
			}
		}
	}
	for i := range s.TLBs {
		if e := &s.TLBs[i]; e.Owner != 0 && e.Owner != machine.SeveralOwners {
			e.Owner = n.serial(s, e.Owner)
			if e.Owner > n.deadSerial {
				e.Seen, e.Walk = machine.Seen{}, machine.Seen{}
			}
		}
	}
	for i := range s.MMs {
		if mm := &s.MMs[i]; mm.Alive == 0 {
			mm.Serial = 0
		} else {
			mm.Serial = uint32(i) + 1
		}
	}
	s.Global.NextMMSerial = n.nextSerial
}

func (n *normal) serial(s *machine.State, was uint32) uint32 {
	for i := range s.MMs {
		if mm := &s.MMs[i]; mm.Serial == was && mm.Alive != 0 {
			return uint32(i) + 1
		}
	}
	at := slices.Index(n.renamed, was)
	if at < 0 {
		at = len(n.renamed)
		n.renamed = append(n.renamed, was)
	}
	return n.deadSerial + uint32(at) + 1
}

// frames forgets what tasks have on their stacks and will not read. What nobody touched since the last time has been forgotten.
func (n *normal) frames(s *machine.State) {
	for i := range s.Tasks {
		if s.Tasks[i].Depth == 0 || !s.Touched(machine.TaskID(i)) {
			continue
		}
		stack := s.Stack(machine.TaskID(i))
		top := len(stack) - 1
		for k := range stack[:top] {
			if keep := n.keep[stack[k].PC]; keep != keepAll {
				forget(&stack[k], keep)
			}
		}
		if stack[top].PC == n.left {
			forget(&stack[top], n.keep[n.left])
		}
	}
}

func forget(f *machine.Frame, keep frameKeep) {
	switch keep {
	case keepNone:
		*f = machine.Frame{PC: f.PC}
	case keepPrev:
		*f = machine.Frame{PC: f.PC, Prev: f.Prev}
	case keepAsked:
		*f = machine.Frame{PC: f.PC, N: f.N}
	}
}

// changes takes off the count of page-table changes those that are over and that every TLB has honoured.
// While one is under way nothing is taken off, since frames hold its number; those on its way hold only
// numbers beyond what is done.
func (n *normal) changes(s *machine.State) {
	if n.gens != nil && n.inUse(s) {
		return
	}
	for i := range s.MMs {
		mm := &s.MMs[i]
		if mm.Changes == 0 || mm.Done.Base != mm.Changes || mm.TablesDone.Base != mm.Tables {
			continue
		}
		over, tables := mm.Done.Base, mm.TablesDone.Base
		for k := range s.TLBs {
			if e := &s.TLBs[k]; e.Owner == mm.Serial {
				age(e, mm)
				over, tables = min(over, e.Seen.Base), min(tables, e.Walk.Base)
			}
		}
		if n.gens != nil {
			rebase(s, mm)
		}
		if over == 0 && tables == 0 {
			continue
		}
		for k := range s.TLBs {
			if e := &s.TLBs[k]; e.Owner == mm.Serial {
				e.Seen.Base, e.Walk.Base = e.Seen.Base-over, e.Walk.Base-tables
			}
		}
		mm.Changes, mm.Tables = mm.Changes-over, mm.Tables-tables
		mm.Done.Base, mm.TablesDone.Base = mm.Done.Base-over, mm.TablesDone.Base-tables
	}
}

// age: a TLB entry that misses a change which is over will miss it until it is flushed. How many it misses
// makes no difference.
func age(e *machine.TLBEntry, mm *machine.MM) {
	if !e.Seen.Covers(mm.Done) {
		e.Seen = machine.SeenUpTo(mm.Done.Base - 1)
	}
	if !e.Walk.Covers(mm.TablesDone) {
		e.Walk = machine.SeenUpTo(mm.TablesDone.Base - 1)
	}
}

// inUse: some frame has a generation in it.
func (n *normal) inUse(s *machine.State) bool {
	for i := range s.Tasks {
		for _, f := range s.Live(machine.TaskID(i)) {
			if n.gens[f.PC] {
				return true
			}
		}
	}
	return false
}

// rebase counts the generations of an address space from the oldest one that a slot has. A slot that is
// behind is flushed as a whole before it is used again, however far behind it is.
func rebase(s *machine.State, mm *machine.MM) {
	from := mm.TLBGen
	each := func(do func(*machine.X86Context)) {
		for i := range s.X86 {
			for j := range s.X86[i].Ctxs {
				if x := &s.X86[i].Ctxs[j]; x.CtxID == uint64(mm.Serial) {
					do(x)
				}
			}
		}
	}
	each(func(x *machine.X86Context) {
		if x.TLBGen < mm.TLBGen {
			x.TLBGen = mm.TLBGen - 1
		}
		from = min(from, x.TLBGen)
	})
	if from > 0 {
		each(func(x *machine.X86Context) { x.TLBGen -= from })
		mm.TLBGen -= from
	}
}

// isSettled reports whether no CPU and no switched-out task is in the middle of anything.
func (n *normal) isSettled(s *machine.State) bool {
	for i := range s.CPUs {
		// The third: see tasks.finishOthers.
		if c := &s.CPUs[i]; s.Tasks[c.Stack].Depth != 0 || c.InSwitch || !c.Online && c.Pick == c.Idle {
			return false
		}
	}
	for i := range s.Tasks {
		if s.Tasks[i].State == machine.TaskDead {
			continue // it will never run again, and up to 4.4 keeps its stack until it is waited for
		}
		for _, f := range s.Live(machine.TaskID(i)) {
			if !n.settled[f.PC] {
				return false
			}
		}
	}
	return true
}
