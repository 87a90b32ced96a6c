package check

import (
	"math/bits"

	"switchyard/machine"
)

// Which slot a task or an address space stands in makes no difference to what can happen to it: rename
// them and every step is the same step. So of the states that differ in such names only, one is kept. It
// is found by an order that names have nothing to do with: tasks by the CPU that they are on and by what
// they do, address spaces by who refers to them first. Where that leaves two of them alike the names
// decide, and states are kept that another name would have made one: the reduction is then smaller, not
// wrong.
type symmetry struct {
	cpus  int
	tasks []machine.TaskID // new name of each task
	mms   []machine.MMID   // and of each address space

	order  []int
	keys   []uint64
	colour []uint64
	to     *machine.State

	_ apart
}

func newSymmetry(s *machine.State) *symmetry {
	tasks, mms := len(s.Tasks), len(s.MMs)
	return &symmetry{cpus: len(s.CPUs), tasks: ownLines[machine.TaskID](tasks), mms: ownLines[machine.MMID](mms),
		order: ownLines[int](tasks), keys: ownLines[uint64](tasks), colour: ownLines[uint64](mms), to: s.Clone()}
}

func blend(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// apply renames tasks and address spaces of s, and reports whether any got another name.
func (y *symmetry) apply(s *machine.State) bool {
	y.colours(s)
	y.orderTasks(s)
	y.orderMMs(s)
	if y.same() {
		return false
	}
	y.rename(s)
	s.CopyFrom(y.to)
	return true
}

func (y *symmetry) same() bool {
	for i, t := range y.tasks {
		if int(t) != i {
			return false
		}
	}
	for i, m := range y.mms {
		if int(m) != i {
			return false
		}
	}
	return true
}

// colours tells address spaces apart by what they are.
func (y *symmetry) colours(s *machine.State) {
	for i := range s.MMs {
		mm := &s.MMs[i]
		h := blend(uint64(mm.Alive), uint64(uint32(mm.Users))<<32|uint64(uint32(mm.Count)))
		h = blend(h, uint64(uint32(mm.ExtUsers))<<32|uint64(uint32(mm.ExtCount)))
		h = blend(h, uint64(mm.Changes)<<32|uint64(mm.Tables))
		h = blend(h, mm.TLBGen^mm.ContextID<<20)
		for _, w := range s.MMCPUMask(machine.MMID(i)) {
			h = blend(h, w)
		}
		y.colour[i] = h
	}
	for i := range s.CPUs {
		c := &s.CPUs[i]
		y.paint(c.Root, uint64(3*i)+1)
		y.paint(c.PrevMM, uint64(3*i)+2)
		y.paint(s.Tasks[c.Curr].ActiveMM, uint64(3*i)+3)
	}
}

func (y *symmetry) paint(m machine.MMID, v uint64) {
	if m >= 0 {
		y.colour[m] = blend(y.colour[m], v)
	}
}

func (y *symmetry) colourOf(m machine.MMID) uint64 {
	if m < 0 {
		return uint64(-m)
	}
	return y.colour[m]
}

// orderTasks sorts all but the idle tasks: those that CPUs stand on, in the order of the CPUs, then the
// others by what they do, then empty slots.
func (y *symmetry) orderTasks(s *machine.State) {
	for i := range s.Tasks {
		y.order[i] = i
		y.keys[i] = y.key(s, i)
	}
	for c := len(s.CPUs) - 1; c >= 0; c-- {
		cpu := &s.CPUs[c]
		for _, t := range [...]machine.TaskID{cpu.Stack, cpu.Current, cpu.Curr} {
			if t >= 0 {
				y.keys[t] = uint64(c) + 1
			}
		}
	}
	for i := y.cpus + 1; i < len(y.order); i++ {
		for j := i; j > y.cpus && y.keys[y.order[j]] < y.keys[y.order[j-1]]; j-- {
			y.order[j], y.order[j-1] = y.order[j-1], y.order[j]
		}
	}
	for at, t := range y.order {
		y.tasks[t] = machine.TaskID(at)
	}
}

func (y *symmetry) key(s *machine.State, i int) uint64 {
	t := &s.Tasks[i]
	if t.Kind == machine.FreeTask && t.Depth == 0 {
		return ^uint64(0)
	}
	h := blend(uint64(t.Kind)|uint64(t.OnRQ)<<8|uint64(t.Depth)<<16|uint64(uint32(t.State))<<24, uint64(uint32(t.CPU)))
	flags := uint64(0)
	for k, b := range [...]bool{t.OnCPU, t.UsingMM, t.Zombie, t.SignalPending, t.StackFreed, t.Vfork >= 0} {
		if b {
			flags |= 1 << k
		}
	}
	h = blend(h, flags|uint64(uint32(t.Usage))<<32|uint64(uint8(t.RCUUsers))<<24|uint64(uint8(t.WakeCPU))<<16|uint64(uint8(t.PiLockedBy))<<8)
	h = blend(h, y.colourOf(t.MM))
	h = blend(h, y.colourOf(t.ActiveMM)+1)
	if len(s.ARM64FPThreads) > 0 {
		h = blend(h, uint64(t.Flags)<<32|uint64(uint32(t.FPOwner)))
	}
	for _, f := range s.Live(machine.TaskID(i)) {
		h = blend(h, uint64(f.PC)|uint64(f.State)<<32)
		h = blend(h, f.Val^uint64(uint32(f.N))<<32^uint64(uint8(f.CPU))<<56)
	}
	return h>>1 | 1<<62 // between those on CPUs and the empty slots
}

// orderMMs names address spaces in the order in which CPUs and then tasks, by their new names, refer to
// them; then those that nobody refers to, then empty slots.
func (y *symmetry) orderMMs(s *machine.State) {
	for i := range y.mms {
		y.mms[i] = machine.NoMM
	}
	y.mms[machine.InitMM] = machine.InitMM
	next := machine.MMID(1)
	met := func(m machine.MMID) {
		if m > 0 && y.mms[m] == machine.NoMM && s.MMs[m].Alive != 0 {
			y.mms[m] = next
			next++
		}
	}
	for i := range s.CPUs {
		c := &s.CPUs[i]
		met(s.Tasks[c.Curr].ActiveMM)
		met(c.Root)
		met(c.PrevMM)
	}
	for _, t := range y.order {
		met(s.Tasks[t].MM)
		met(s.Tasks[t].ActiveMM)
		for _, f := range s.Live(machine.TaskID(t)) {
			met(f.MM)
			met(f.OldMM)
		}
	}
	for _, alive := range [...]bool{true, false} {
		for {
			best := -1
			for i := range y.mms {
				if y.mms[i] == machine.NoMM && s.MMs[i].Alive != 0 == alive && (best < 0 || y.colour[i] < y.colour[best]) {
					best = i
				}
			}
			if best < 0 {
				break
			}
			y.mms[best] = next
			next++
		}
	}
}

func (y *symmetry) task(t *machine.TaskID) {
	if *t >= 0 && int(*t) < len(y.tasks) {
		*t = y.tasks[*t]
	}
}

func (y *symmetry) mm(m *machine.MMID) {
	if *m >= 0 && int(*m) < len(y.mms) {
		*m = y.mms[*m]
	}
}

// rename writes s with its new names to y.to.
func (y *symmetry) rename(s *machine.State) {
	o := y.to
	for t := range s.Tasks {
		to := y.tasks[t]
		o.Tasks[to] = s.Tasks[t]
		if len(s.ARM64FPThreads) > 0 {
			o.ARM64FPThreads[to] = s.ARM64FPThreads[t]
		}
		task := &o.Tasks[to]
		y.mm(&task.MM)
		y.mm(&task.ActiveMM)
		y.mm(&task.SavedMM)
		y.task(&task.Vfork)
		stack := o.Stack(to)
		copy(stack, s.Live(machine.TaskID(t)))
		for i := range stack {
			f := &stack[i]
			y.task(&f.Prev)
			y.task(&f.Next)
			y.mm(&f.MM)
			y.mm(&f.OldMM)
		}
	}
	for m := range s.MMs {
		to := y.mms[m]
		o.MMs[to] = s.MMs[m]
		if o.MMs[to].Serial != 0 {
			o.MMs[to].Serial = uint32(to) + 1
		}
		copy(o.MMCPUMask(to), s.MMCPUMask(machine.MMID(m)))
	}
	*o.Global = *s.Global
	copy(o.ASIDMap, s.ASIDMap)
	copy(o.PinnedMap, s.PinnedMap)
	copy(o.Wakers(), s.Wakers())
	for i := range s.CPUs {
		y.cpu(s, machine.CPUID(i))
	}
	nameVectors(o)
}

func (y *symmetry) cpu(s *machine.State, i machine.CPUID) {
	o := y.to
	o.CPUs[i] = s.CPUs[i]
	c := &o.CPUs[i]
	for _, t := range [...]*machine.TaskID{&c.Stack, &c.Current, &c.Curr, &c.Idle, &c.Pick} {
		y.task(t)
	}
	for _, m := range [...]*machine.MMID{&c.Root, &c.PrevMM, &c.CallMM} {
		y.mm(m)
	}
	copy(o.Calls(i), s.Calls(i))
	if len(s.X86) > 0 {
		o.X86[i] = s.X86[i]
		x := &o.X86[i]
		y.mm(&x.LoadedMM)
		y.mm(&x.LastUserMM)
		for k := range x.Ctxs {
			x.Ctxs[k].CtxID = uint64(y.serial(uint32(x.Ctxs[k].CtxID)))
		}
	}
	if s.Buffered() {
		o.Buffers[i] = s.Buffers[i]
		y.buffer(&o.Buffers[i])
	}
	copy(o.ARM64Vectors, s.ARM64Vectors)
	if len(s.ARM64) > 0 {
		o.ARM64[i] = s.ARM64[i]
		y.task(&o.ARM64[i].FPOwner)
	}
	tlb := o.TLB(i)
	copy(tlb, s.TLB(i))
	for k := range tlb {
		tlb[k].Owner = y.serial(tlb[k].Owner)
	}
}

func (y *symmetry) buffer(b *machine.StoreBuffer) {
	y.task(&b.Curr)
	y.task(&b.Of)
	for _, m := range [...]*machine.MMID{&b.MM, &b.User, &b.Fetched} {
		y.mm(m)
	}
	for _, set := range [...]*machine.TaskSet{&b.Owed, &b.Stale, &b.Late} {
		*set = y.taskSet(*set)
	}
}

func (y *symmetry) taskSet(was machine.TaskSet) (is machine.TaskSet) {
	for ; was != 0; was &= was - 1 {
		is |= machine.TaskSetOf(y.tasks[bits.TrailingZeros64(uint64(was))])
	}
	return is
}

func (y *symmetry) serial(was uint32) uint32 {
	if was == 0 || int(was) > len(y.mms) {
		return was // nobody's, a dead one's, or several ones'
	}
	return uint32(y.mms[was-1]) + 1
}
