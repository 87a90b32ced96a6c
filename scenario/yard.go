package scenario

import (
	"fmt"
	"maps"
	"slices"

	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// yard is a machine and the names that the scenario gave to what is in it.
type yard struct {
	r       *run
	m       *kernel.Machine
	variant string
	gone    bool // it was built inside an expect_violation

	tasks   map[uint32]*task // by Serial
	mmNames map[uint32]string
	execs   map[uint32]int // how often each task has exec'ed, by Serial
	byName  map[string]bool
	flushes []uint64 // of each CPU
	watch   *watch

	// across, when set, compares the state before the operation with that after it.
	across func(invariant.Report)
	before *machine.State
}

func newYard(r *run, m *kernel.Machine, variant string) *yard {
	y := &yard{r: r, m: m, variant: variant, tasks: map[uint32]*task{}, mmNames: map[uint32]string{1: "init_mm"},
		byName: map[string]bool{}, execs: map[uint32]int{}, flushes: make([]uint64, len(m.S.CPUs))}
	for i := range m.S.CPUs {
		y.name(machine.TaskID(i), fmt.Sprintf("idle/%d", i))
	}
	y.watch = &watch{y: y}
	m.Watch = y.watch
	return y
}

// name makes the task in a slot known under a name.
func (y *yard) name(id machine.TaskID, name string) *task {
	t := &task{y: y, id: id, serial: y.m.S.Tasks[id].Serial, name: name}
	y.tasks[t.serial] = t
	y.byName[name] = true
	return t
}

func (y *yard) nameMM(id machine.MMID, name string) {
	if id >= 0 {
		y.mmNames[y.m.S.MMs[id].Serial] = name
	}
}

// TaskName is the name of the task in a slot.
func (y *yard) TaskName(id machine.TaskID) string {
	if id == machine.NoTask {
		return "NULL"
	}
	if t := y.tasks[y.m.S.Tasks[id].Serial]; t != nil {
		return t.name
	}
	return fmt.Sprintf("task %d", id)
}

// MMName is the name of the address space in a slot: that of the task for which it was made.
func (y *yard) MMName(id machine.MMID) string {
	if id < 0 {
		return "NULL"
	}
	if n, ok := y.mmNames[y.m.S.MMs[id].Serial]; ok {
		return n
	}
	return fmt.Sprintf("mm %d", id)
}

// newName refuses a name that cannot tell two tasks apart.
func (y *yard) newName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a task needs a name")
	case len(name) > 40:
		return fmt.Errorf("the name %.10q… is longer than 40 bytes", name)
	case y.byName[name]:
		return fmt.Errorf("there is a task %s already", name)
	case len(y.byName) >= maxTasks:
		return fmt.Errorf("a machine may have %d tasks", maxTasks)
	}
	return nil
}

// room makes the machine larger where it is full.
func (y *yard) room() {
	if _, err := y.m.FreeTask(); err != nil {
		y.m.S = y.m.S.Grow(2*len(y.m.S.Tasks), 0)
	}
	if _, err := y.m.FreeMM(); err != nil {
		y.m.S = y.m.S.Grow(0, 2*len(y.m.S.MMs))
	}
}

// keep remembers the state, to compare with the state after the operation.
func (y *yard) keep() *machine.State {
	if y.before == nil || y.before.Config != y.m.S.Config {
		y.before = y.m.S.Clone()
	} else {
		y.before.CopyFrom(y.m.S)
	}
	return y.before
}

// saved is a yard as it was before an expect_violation.
type saved struct {
	state *machine.State
	stats machine.Stats
	held  []uint64
	seen  []step.Violation
	count int

	tasks   map[uint32]*task
	mmNames map[uint32]string
	execs   map[uint32]int
	byName  map[string]bool
}

func (r *run) save() []saved {
	all := make([]saved, len(r.yards))
	for i, y := range r.yards {
		all[i] = saved{y.m.S.Clone(), y.m.Stats, slices.Clone(y.flushes), y.m.Violations, y.m.ViolationCount,
			maps.Clone(y.tasks), maps.Clone(y.mmNames), maps.Clone(y.execs), maps.Clone(y.byName)}
	}
	return all
}

func (r *run) restore(all []saved) {
	for i, y := range r.yards {
		if i >= len(all) {
			y.gone = true
			continue
		}
		y.m.S, y.m.Stats, y.flushes = all[i].state, all[i].stats, all[i].held
		y.m.Violations, y.m.ViolationCount = all[i].seen, all[i].count
		y.tasks, y.mmNames, y.execs, y.byName = all[i].tasks, all[i].mmNames, all[i].execs, all[i].byName
	}
}
