package check

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"switchyard/arch"
	"switchyard/arch/arm64"
	"switchyard/internal/mutants"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Model is a small machine with a question.
type Model struct {
	Name     string
	Question string
	Rules    []string // what it is about; all rules are looked at
	Arch     machine.Arch
	Since    machine.Release // the first release that it makes sense in
	Size     Size
	Actions  []string // what may happen, by name; see Actions
	Buffers  bool     // CPUs have store buffers, as their architecture has them; see machine.MemoryOrder

	// without are actions that are no default on a machine whose kernel gets them wrong by itself.
	without func(*machine.Config) []string

	// detail asks for what other models do without; nil for nothing.
	detail func(*machine.Config)
	// begin brings a booted machine to where the model begins.
	begin func(*kernel.Machine, Size) error
	// begins are other places to begin at, by the option that asks for one.
	begins map[string]func(*kernel.Machine, Size) error
	// beyond tells states that are not gone on from: bounds of the model.
	beyond func(*machine.State, Size) bool
}

// Size is how large a machine is.
type Size struct {
	CPUs        int `json:"cpus"`
	Tasks       int `json:"tasks"`       // beside the idle tasks
	MMs         int `json:"mms"`         // beside init_mm
	Changes     int `json:"changes"`     // page-table changes of one address space that are counted at once
	ASIDs       int `json:"asids"`       // arm64: of one generation, a power of two; pairs of them with kpti
	Generations int `json:"generations"` // arm64: ASID generations; below zero for all of them
}

// Or is the size with what is zero taken from d.
func (s Size) Or(d Size) Size {
	for _, f := range []struct{ to, from *int }{{&s.CPUs, &d.CPUs}, {&s.Tasks, &d.Tasks}, {&s.MMs, &d.MMs}, {&s.Changes, &d.Changes},
		{&s.ASIDs, &d.ASIDs}, {&s.Generations, &d.Generations}} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	return s
}

// asids is how many ASIDs arm64 has; a model of another machine says nothing of them.
func (s Size) asids() int {
	if s.ASIDs == 0 {
		return 4
	}
	return s.ASIDs
}

// asidBits is how many bits number the ASIDs.
func (s Size) asidBits() (uint8, error) {
	n := s.asids()
	if n < 4 || n > 1<<16 || n&(n-1) != 0 {
		return 0, fmt.Errorf("%d ASIDs: their number is a power of two from 4 to %d", n, 1<<16)
	}
	return uint8(bits.Len(uint(n)) - 1), nil
}

func (s Size) String() string {
	text := fmt.Sprintf("%d CPUs, %d tasks, %d address spaces", s.CPUs, s.Tasks, s.MMs)
	if s.Changes > 0 {
		text += fmt.Sprintf(", %d page-table changes at once", s.Changes)
	}
	if s.ASIDs > 0 {
		text += fmt.Sprintf(", %d ASIDs, ", s.ASIDs)
		if s.Generations > 0 {
			text += fmt.Sprintf("%d generations", s.Generations)
		} else {
			text += "all generations"
		}
	}
	return text
}

// Setup is what somebody wants of a model. What is zero or nil is as the model has it.
type Setup struct {
	Release     machine.Release
	Arch        *machine.Arch
	Lazy        machine.LazyMode
	Size        Size
	Actions     []string
	Break       string // a variation of the paths, by its name
	NoReduction bool
	Options     []string // of the machine, and where to begin; see OptionNames

	spoil *mutants.Mutation // tests: a line of the paths that is spoilt
}

// OptionNames are what a machine may have or lack beside its size, and where a model may begin.
func OptionNames() []string {
	return []string{"no-pcid", "pti", "kpti", "cnp", "pan", "no-pan", "weak-stores", "wide-asid", "used-up"}
}

func setOption(c *machine.Config, name string) error {
	switch name {
	case "no-pcid":
		c.PCID = false
	case "pti":
		c.PTI = true
	case "kpti":
		if !c.KPTI {
			c.ASIDBits++ // they come in pairs
		}
		c.KPTI = true
	case "cnp":
		c.CnP = true
	case "pan":
		c.PAN = true
	case "weak-stores":
		c.Memory = machine.WeakStores
	case "no-pan":
		c.PAN = false
	case "wide-asid": // the hardware tells more ASIDs apart than the kernel knows of
		c.TLBSlots = 4 << c.ASIDBits
	case "used-up":
	default:
		return fmt.Errorf("unknown option %q: there are %s", name, strings.Join(OptionNames(), ", "))
	}
	return nil
}

// Actions names what an environment can have happen, and says what it is.
func Actions() [][2]string {
	var all [][2]string
	for _, a := range actionNames {
		all = append(all, [2]string{a.name, a.what})
	}
	return all
}

var actionNames = []struct {
	name, what string
	set        func(*tasks)
}{
	{"preempt", "a task is preempted, at any step with interrupts and preemption on", func(e *tasks) { e.preempt = true }},
	{"sleep", "a task goes to sleep and is woken, from any CPU and to any, at one stroke", func(e *tasks) { e.sleep = true }},
	{"wake", "likewise, the wakeup step by step", func(e *tasks) { e.sleep, e.stepped = true, true }},
	{"move", "a queued task moves to another run queue", func(e *tasks) { e.move = true }},
	{"fork", "a process makes another one", func(e *tasks) { e.fork = true }},
	{"thread", "a process makes a thread", func(e *tasks) { e.thread = true }},
	{"vfork", "a process makes a child that has its address space, and sleeps until that execs or exits", func(e *tasks) { e.vfork = true }},
	{"exec", "a task, kernel threads among them, changes to a new address space", func(e *tasks) { e.exec = true }},
	{"exit", "a task exits, and is waited for", func(e *tasks) { e.exit = true }},
	{"outside", "somebody outside takes a reference to an mm_struct, and gives it back", func(e *tasks) { e.outside = true }},
	{"users", "likewise to what is mapped", func(e *tasks) { e.users = true }},
	{"use", "a kernel thread works in a process's address space", func(e *tasks) { e.useMM = true }},
	{"munmap", "a process unmaps a page", func(e *tasks) { e.munmap = append(e.munmap, 1) }},
	{"munmap-all", "a process unmaps more than is flushed page by page", func(e *tasks) { e.munmap = append(e.munmap, machine.FlushAll) }},
	{"free-tables", "what unmaps may free page tables as well", func(e *tasks) { e.tables = true }},
	{"offline", "a CPU goes offline and comes back", func(e *tasks) { e.offline = true }},
	{"speculate", "the hardware walks what is loaded, at any time", func(e *tasks) { e.fill = true }},
	{"membarrier", "a process, registered or not, calls membarrier", func(e *tasks) { e.barriers = append(e.barriers, kernel.MembarrierPrivate) }},
	{"sync-core", "likewise, its sync-core form", func(e *tasks) { e.barriers = append(e.barriers, kernel.MembarrierSyncCore) }},
	{"global", "somebody calls its form for all registered processes", func(e *tasks) { e.global = true }},
	{"syscall", "what a task asks for it asks for in the middle of a system call", func(e *tasks) { e.syscall = true }},
	{"neon", "a task, kernel threads among them, computes with vector registers in the kernel", func(e *tasks) { e.neon = true }},
	{"signal", "a process handles a signal, one at a time, and returns from the handler", func(e *tasks) { e.signal = true }},
	{"uaccess", "the kernel copies from user memory", func(e *tasks) { e.uaccess = true }},
	{"kernel", "the kernel uses a page of its own", func(e *tasks) { e.kernel = true }},
	{"vmalloc", "the kernel makes a mapping that needs a new top-level entry, and uses it on any CPU at any step", func(e *tasks) { e.vmalloc = true }},
	{"pin", "a device pins and unpins an ASID", func(e *tasks) { e.pin = true }},
}

func environmentOf(names []string) (*tasks, error) {
	e := &tasks{}
	for _, n := range names {
		i := slices.IndexFunc(actionNames, func(a struct {
			name, what string
			set        func(*tasks)
		}) bool {
			return a.name == n
		})
		if i < 0 {
			var known []string
			for _, a := range actionNames {
				known = append(known, a.name)
			}
			return nil, fmt.Errorf("unknown action %q: there are %s", n, strings.Join(known, ", "))
		}
		actionNames[i].set(e)
	}
	return e, nil
}

// FindModel finds a model by its name.
func FindModel(name string) (*Model, error) {
	var names []string
	for _, m := range Models() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("unknown model %q: there are %s", name, strings.Join(names, ", "))
}

// Config is the machine that a setup asks for.
func (m *Model) Config(s *Setup) (machine.Config, error) {
	size := s.Size.Or(m.Size)
	c := machine.Config{Release: s.Release, Arch: m.Arch, Lazy: s.Lazy, CPUs: size.CPUs, Tasks: size.CPUs + size.Tasks, MMs: 1 + size.MMs,
		StackDepth: 24} // a fork that is preempted deep down
	if s.Arch != nil {
		c.Arch = *s.Arch
	}
	switch c.Arch {
	case machine.X86:
		c.PCID = c.Release >= machine.V5_0
	case machine.ARM64:
		var err error
		if c.ASIDBits, err = size.asidBits(); err != nil {
			return c, err
		}
	}
	if m.Buffers {
		c.Memory = machine.TSO
		if c.Arch == machine.ARM64 {
			c.Memory = machine.WeakStores
		}
	}
	if m.detail != nil {
		m.detail(&c)
	}
	for _, o := range s.Options {
		if err := setOption(&c, o); err != nil {
			return c, err
		}
	}
	return c, c.Validate()
}

// beginning is where the options let the model begin.
func (m *Model) beginning(options []string) (func(*kernel.Machine, Size) error, error) {
	begin := m.begin
	for _, o := range options {
		if o != "used-up" {
			continue
		}
		if begin = m.begins[o]; begin == nil {
			return nil, fmt.Errorf("option %q: %s has no such place to begin at", o, m.Name)
		}
	}
	return begin, nil
}

// Build makes the system that a setup asks for.
func (m *Model) Build(s Setup) (*World, error) {
	if s.Release < m.Since {
		return nil, fmt.Errorf("%s needs release %s or newer, not %s", m.Name, m.Since, s.Release)
	}
	c, err := m.Config(&s)
	if err != nil {
		return nil, err
	}
	size := s.Size.Or(m.Size)
	if size.Changes < 0 {
		return nil, fmt.Errorf("%d changes at once: there can be none, or more", size.Changes)
	}
	env, err := environmentOf(m.actionsOf(&s, &c))
	if err != nil {
		return nil, err
	}
	if env.pin && c.Arch == machine.ARM64 && c.Release >= machine.V6_1 && arm64.MaxPinned(&c) <= 0 {
		return nil, fmt.Errorf("with %d ASIDs and %d CPUs the kernel lets nothing be pinned: ask for more, as with --asids %d", size.asids(), c.CPUs, 2*size.asids())
	}
	env.changes = uint32(size.Changes)
	var paths []*step.Path
	if s.Break != "" {
		v, err := kernel.FindVariation(s.Break, &c, arch.Port(c.Arch))
		if err != nil {
			return nil, err
		}
		if paths, err = v.Paths(&c, arch.Port(c.Arch)); err != nil {
			return nil, err
		}
	}
	begin, err := m.beginning(s.Options)
	if err != nil {
		return nil, err
	}
	w, err := build(c, paths, s.spoil, env, func(k *kernel.Machine) error { return begin(k, size) })
	if err != nil {
		return nil, err
	}
	if m.beyond != nil && size.Generations >= 0 { // models that know no generations have zero of them
		w.beyond = func(st *machine.State) bool { return m.beyond(st, size) }
	}
	if s.NoReduction {
		w.rename, w.quiet, w.eager = false, nil, false
	}
	return w, nil
}

// actionsOf says what may happen in a setup on that machine.
func (m *Model) actionsOf(s *Setup, c *machine.Config) []string {
	if s.Actions != nil {
		return s.Actions
	}
	if m.without == nil {
		return m.Actions
	}
	left := m.without(c)
	return slices.DeleteFunc(slices.Clone(m.Actions), func(a string) bool { return slices.Contains(left, a) })
}

// World is a model that was built: a System.
type World = world

// Reductions says what makes several states one, or leaves orders out.
func (w *world) Reductions() []string {
	all := []string{"normal form: numbers that only count up, what nobody reads again"}
	if w.rename {
		all = append(all, "symmetry: tasks and address spaces have no names")
	}
	if w.quiet != nil {
		all = append(all, "partial order: a CPU goes on at once where its step touches nothing of others")
	}
	if w.eager {
		all = append(all, "speculation at once: what the hardware may walk it walks before anything else happens")
	}
	return all
}

// Machine is the machine that the world is.
func (w *world) Machine() machine.Config { return w.config }

// build makes a world: a machine with what begins on it.
func build(c machine.Config, variation []*step.Path, spoil *mutants.Mutation, env *tasks, begin func(*kernel.Machine) error) (*world, error) {
	port := arch.Port(c.Arch)
	// The machine is brought to its beginning by intact paths: what is wrong shall be seen where it is looked for.
	m, err := kernel.Boot(c, port)
	if err != nil {
		return nil, err
	}
	if err := begin(m); err != nil {
		return nil, fmt.Errorf("the machine does not come to where the model begins: %w", err)
	}
	prog, err := kernel.Link(&m.S.Config, port, variation...)
	if err != nil {
		return nil, err
	}
	if spoil != nil {
		if prog, err = spoil.Apply(prog); err != nil {
			return nil, err
		}
	}
	if err := moveTo(prog, m); err != nil {
		return nil, err
	}
	if err := env.lacks(prog); err != nil {
		return nil, err
	}
	env.prepare(prog)
	w := &world{config: c, prog: prog, env: env, begin: []*machine.State{m.S}, pieces: machine.PiecesOf(m.S),
		normal: true, rename: true, changed: len(variation) > 0 || spoil != nil, entries: entriesOf(prog), vforkWait: inVforkWait(prog), inSwitch: inSwitch(prog), turns: env.preempt}
	w.quiet, w.crossed, w.eager = touchesOf(prog, env), env.crossing(), env.fill
	// What is quiet was shown for intact paths: in one that is changed nothing is taken to be.
	for pc := range w.quiet {
		at := prog.At(uint32(pc)).Path
		changed := func(p *step.Path) bool { return p.Name == at.Name }
		if at != nil && (slices.ContainsFunc(variation, changed) || spoil != nil && spoil.Path == at.Name) {
			w.quiet[pc] = step.Anything
		}
	}
	w.calm = func(pc uint32) bool { return env.calm[pc] }
	return w, nil
}

// moveTo makes the stacks of a machine those of another program: tasks that wait for their turn stand in
// paths that both have, at places that are found by what they are called.
func moveTo(to *step.Program, m *kernel.Machine) error {
	for t := range m.S.Tasks {
		for i := range m.S.Stack(machine.TaskID(t)) {
			f := &m.S.Stack(machine.TaskID(t))[i]
			pc, ok := sameplace(m.Prog, to, f.PC)
			if !ok {
				in := m.Prog.At(f.PC)
				return fmt.Errorf("the variation has no place %s/%s", in.Path.Name, in.Label)
			}
			f.PC = pc
		}
	}
	return nil
}

// sameplace finds the instruction of to that is the one at pc of from: as far from the end of its path,
// since what a variation adds or leaves out comes before the place where a task waits.
func sameplace(from, to *step.Program, pc uint32) (uint32, bool) {
	name := from.At(pc).Path.Name
	if !to.Has(name) {
		return 0, false
	}
	return to.Entry(name) + to.Size(name) - (from.Entry(name) + from.Size(name) - pc), true
}
