package check

import (
	"fmt"
	"runtime"

	"switchyard/arch"
	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// world is a small machine as a System: it runs the paths of kernel and arch, and what happens beside the
// next step of each CPU is up to an environment.
type world struct {
	config  machine.Config
	prog    *step.Program
	env     environment
	begin   []*machine.State
	pieces  *machine.Pieces
	normal  bool                 // take away what no step will look at
	rename  bool                 // likewise names of tasks and address spaces
	quiet   []step.Touch         // for each program counter; nil for no partial-order reduction
	changed bool                 // some path is not intact
	crossed bool                 // a CPU may look after another one's run queue
	calm    func(pc uint32) bool // a task there is not on its way into a preempting schedule
	entries entries
	eager   bool // what the hardware may walk it walks at once, rather than by an action
	// vforkWait says for each program counter whether a task there waits for its vfork child.
	vforkWait []bool
	inSwitch  []bool // likewise whether a step there is part of a switch
	turns     bool   // tasks in user mode are preempted
	// beyond tells states that are not gone on from; nil for none.
	beyond func(*machine.State) bool
}

// environment says what may happen on a machine beside the next step of each CPU: it adds to w.actions.
type environment interface {
	// offer adds what may happen now.
	offer(w *walker)
}

// doing is what an action does.
type doing uint8

const (
	takeStep   doing = iota // the CPU's next step, with outcome n
	interrupt               // it takes what waits for it
	enter                   // the running task enters a path
	whole                   // likewise, and goes through it at one stroke; nothing happens where it would have to wait
	goOffline               // the idle task does, to take the CPU away
	finish                  // another CPU finishes that
	bringUp                 // the CPU comes back
	sleepSoon               // the running task wants to sleep and calls schedule
	becomeUser              // enter, by a kernel thread that is one no longer
	useMM                   // mmget, then enter kthread_use_mm
	unuseMM                 // kthread_unuse_mm, then mmput
	fillTLB                 // speculation: the hardware walks what is loaded
)

// action is one way on from a state.
type action struct {
	do    doing
	cpu   machine.CPUID
	n     int32
	entry uint32
	args  machine.Frame
}

// walker walks a world.
type walker struct {
	w       *world
	m       *kernel.Machine
	from    *machine.State // as it was loaded
	now     *machine.State // m's
	before  *machine.State // as it was before a step that shall change nothing
	actions []action
	listed  bool
	dirty   bool
	changed []int // the pieces that are others since the last action, once it was asked
	asked   bool
	marks   []bool
	void    bool // the action had to wait, so nothing was done
	normal  *normal
	names   *symmetry
	walks   func(machine.CPUID) // told of each walk that comes at once; may be nil
	broken  Broken
	is      bool // broken has something
	report  invariant.Report

	_ apart
}

func (w *world) Pieces() int { return w.pieces.Len() }

func (w *world) Walker() Walker { return w.walker() }

func (w *world) walker() *walker {
	now := w.begin[0].Clone()
	k := &walker{w: w, now: now, from: now.Clone(), before: now.Clone(), normal: newNormal(now, w.prog, w.beyond != nil), names: newSymmetry(now)}
	k.m, k.marks, k.changed = kernel.On(w.prog, now), ownLines[bool](w.pieces.Len()), ownLines[int](w.pieces.Len())[:0]
	k.report = func(rule string, cpu machine.CPUID, detail string) {
		k.tell(Broken{Rule: rule, Detail: detail, CPU: int(cpu)})
	}
	return k
}

func (k *walker) tell(b Broken) {
	if !k.is || b.before(&k.broken) {
		k.broken, k.is = b, true
	}
}

func (k *walker) Begin(i int) bool {
	if i >= len(k.w.begin) {
		return false
	}
	k.now.CopyFrom(k.w.begin[i])
	k.speculate()
	k.tidy()
	k.dirty = true
	return true
}

// tidy gives the state its normal form, and tasks and address spaces the names that they have in it.
func (k *walker) tidy() {
	if k.w.normal {
		k.normal.apply(k.now)
	}
	if k.w.rename {
		k.names.apply(k.now)
	}
}

func (k *walker) Load(piece func(i int) []byte, differ []int) {
	if differ == nil {
		for i := range k.w.pieces.Len() {
			k.w.pieces.Set(k.from, i, piece(i))
		}
		k.dirty = true
	}
	if k.dirty {
		k.now.CopyFrom(k.from)
	}
	for _, i := range differ {
		k.w.pieces.Set(k.from, i, piece(i))
	}
	k.w.pieces.Copy(k.now, k.from, differ)
	k.listed, k.dirty, k.asked = false, false, false
}

func (k *walker) Actions() int {
	if !k.listed {
		k.list()
	}
	return len(k.actions)
}

// list finds all that may happen next: steps, interrupts, and what the environment has to offer.
func (k *walker) list() {
	k.actions, k.listed = k.actions[:0], true
	if k.w.beyond != nil && k.w.beyond(k.now) {
		return
	}
	if k.w.quiet != nil && k.listQuiet() {
		return
	}
	for i := range k.now.CPUs {
		cpu := machine.CPUID(i)
		for n := range k.m.Outcomes(cpu) {
			k.add(action{do: takeStep, cpu: cpu, n: int32(n)})
		}
		c := &k.now.CPUs[i]
		if !c.IRQOff && c.Online && (!k.now.Calls(cpu).Empty() || k.now.Wakers().Has(cpu)) {
			k.add(action{do: interrupt, cpu: cpu})
		}
	}
	k.w.env.offer(k)
}

func (k *walker) add(a action) { k.actions = append(k.actions, a) }

func (k *walker) Do(i int) *Broken {
	k.dirty = true
	k.now.Untouch()
	if b := k.act(&k.actions[i]); b != nil {
		return b
	}
	k.tidy()
	return nil
}

// act takes an action on the machine as it is. A path that follows a NULL pointer, as a broken one may,
// is an oops.
func (k *walker) act(a *action) (b *Broken) {
	k.is, k.void = false, false
	defer func() {
		if r := recover(); r != nil {
			k.m.ViolationCount, k.m.Violations = 0, k.m.Violations[:0]
			b = k.oops(a.cpu, r)
		}
	}()
	k.perform(a)
	k.speculate()
	if k.w.quiet != nil {
		k.goOn(a.cpu)
	}
	if k.m.ViolationCount == 0 && !k.is {
		return nil
	}
	for _, v := range k.m.Violations {
		k.tell(Broken{Rule: v.Rule, Detail: v.Detail, CPU: int(v.CPU), Path: v.Path, Step: v.Step})
	}
	k.m.ViolationCount, k.m.Violations = 0, k.m.Violations[:0]
	found := k.broken
	return &found
}

func (k *walker) oops(cpu machine.CPUID, r any) *Broken {
	detail := fmt.Sprintf("the kernel follows a pointer to nothing (%v)", r)
	if _, ok := r.(runtime.Error); !ok {
		if !k.w.changed {
			panic(r)
		}
		detail = fmt.Sprint(r) // of a stack that overflows, or that has no way back
	}
	b := &Broken{Rule: "oops", Detail: detail, CPU: int(cpu)}
	if in := k.m.Next(cpu); in != nil && in.Path != nil {
		b.Path, b.Step = in.Path.Name, in.Label
	}
	return b
}

func (k *walker) perform(a *action) {
	m, s := k.m, k.now
	cur := s.CPUs[a.cpu].Curr
	switch a.do {
	case takeStep:
		k.step(a.cpu, int(a.n))
	case interrupt:
		m.Interrupt(a.cpu)
		k.first(a.cpu)
	case enter, goOffline, finish, bringUp, becomeUser:
		switch a.do {
		case goOffline:
			s.CPUs[a.cpu].Pick = cur
		case finish:
			s.CPUs[a.args.CPU].Pick = machine.NoTask
		case becomeUser:
			s.Tasks[cur].Kind = machine.UserTask
		}
		k.claim(a)
		m.Push(a.cpu, a.entry, a.args)
		k.first(a.cpu)
	case whole:
		m.Push(a.cpu, a.entry, a.args)
		k.through(a.cpu)
	case sleepSoon:
		s.Tasks[cur].State = machine.TaskInterruptible
		m.Push(a.cpu, a.entry, a.args)
	case useMM:
		m.Push(a.cpu, k.w.entries.mmget, a.args)
		m.Step(a.cpu, 0)
		m.Push(a.cpu, a.entry, a.args)
	case unuseMM:
		m.Push(a.cpu, k.w.entries.mmput, machine.Frame{MM: s.Tasks[cur].MM})
		m.Push(a.cpu, a.entry, a.args)
		k.first(a.cpu)
	case fillTLB:
		arch.Speculate(s, a.cpu)
	}
}

// first takes the first step of a path together with the decision to enter it, unless it is one that waits.
// Nobody can tell the moment between the two from the one before, and what the environment looked at, a
// free slot say, must not be taken by another CPU meanwhile.
func (k *walker) first(cpu machine.CPUID) {
	if f := k.now.Top(k.now.CPUs[cpu].Stack); f != nil && !k.w.prog.Waits(f.PC) && k.m.Outcomes(cpu) == 1 {
		k.m.Step(cpu, 0)
	}
}

// through runs cpu to the end of what it is in, or not at all.
func (k *walker) through(cpu machine.CPUID) {
	for k.m.Next(cpu) != nil {
		if k.m.Outcomes(cpu) != 1 {
			k.now.CopyFrom(k.from)
			k.void = true
			return
		}
		k.m.Step(cpu, 0)
	}
}

// claim marks the address-space slot that a path which has only begun will fill.
func (k *walker) claim(a *action) {
	if a.args.MM > 0 && k.now.MMs[a.args.MM].Alive == 0 {
		k.now.MMs[a.args.MM] = machine.MM{Alive: machine.HasUserRef}
	}
}

func (k *walker) Changed() []int {
	k.changed, k.asked = k.w.pieces.Changed(k.changed[:0], k.marks, k.now, k.from), true
	return k.changed
}

func (k *walker) Append(b []byte, piece int) []byte { return k.w.pieces.Append(b, k.now, piece) }

func (k *walker) Is(piece int, b []byte) bool { return k.w.pieces.Is(k.now, piece, b) }

func (k *walker) Undo() {
	switch {
	case k.asked:
		k.w.pieces.Copy(k.now, k.from, k.changed)
	case k.dirty:
		k.now.CopyFrom(k.from)
	}
	k.dirty, k.asked = false, false
}

func (k *walker) Check() *Broken {
	k.is = false
	invariant.CheckInstant(k.now, k.report)
	if k.normal.isSettled(k.now) {
		invariant.CheckSettled(k.now, k.report)
	}
	if !k.is {
		return k.canGoOn()
	}
	found := k.broken
	return &found
}

// canGoOn asks every CPU what it can do next, which is to look at what it stands at.
func (k *walker) canGoOn() (b *Broken) {
	cpu := machine.CPUID(0)
	defer func() {
		if r := recover(); r != nil {
			b = k.oops(cpu, r)
		}
	}()
	for i := range k.now.CPUs {
		cpu = machine.CPUID(i)
		k.m.Outcomes(cpu)
	}
	return nil
}
