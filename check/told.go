package check

import (
	"fmt"

	"switchyard/machine"
	"switchyard/step"
)

// Step is one thing that happened on the way to a violation.
type Step struct {
	CPU     int      `json:"cpu"`
	Task    string   `json:"task"` // on whose stack
	Path    string   `json:"path"`
	Step    string   `json:"step"`
	Why     string   `json:"why"`
	Changes []Change `json:"changes"`
}

// Change is a field that a step changed.
type Change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// teller tells of a trail through a world step by step. States have no names for tasks and address
// spaces; the teller follows each through every change of slot and calls it the same all the way.
type teller struct {
	*walker
	before  *machine.State
	steps   []Step
	current Step
	tasks   []string
	mms     []string
	made    map[string]int
}

// Tell tells of a trail through the world.
func (w *world) Tell(t *Trail) []Step {
	k := &teller{walker: w.walker(), made: map[string]int{}}
	k.before = k.now.Clone()
	k.tasks, k.mms = make([]string, len(k.now.Tasks)), make([]string, len(k.now.MMs))
	k.m.Watch, k.walks = k, k.walked
	for i, a := range t.Actions {
		k.Load(func(p int) []byte { return t.states[i][p] }, nil)
		k.list()
		if t.Loops > 0 && i == len(t.Actions)-t.Loops {
			k.steps = append(k.steps, Step{CPU: int(k.actions[a].cpu), Task: k.TaskName(k.now.CPUs[k.actions[a].cpu].Curr),
				Step: "(from here on)", Why: "what follows repeats for ever", Changes: []Change{}})
		}
		k.tell(k.actions[a])
	}
	return k.steps
}

func (k *teller) tell(a action) {
	k.name()
	if what, why := k.asked(&a); what != "" {
		k.before.CopyFrom(k.now)
		k.current = Step{CPU: int(a.cpu), Task: k.TaskName(k.now.CPUs[a.cpu].Curr), Step: what, Why: why, Changes: []Change{}}
		if a.do == fillTLB || a.do == sleepSoon {
			k.announced(a)
			return
		}
		k.steps = append(k.steps, k.current)
	}
	if k.act(&a) == nil {
		k.normal.apply(k.now)
		k.follow()
	}
}

// announced takes an action that changes the machine without a step.
func (k *teller) announced(a action) {
	if k.act(&a) == nil {
		k.changed()
		k.normal.apply(k.now)
		k.follow()
	}
	k.steps = append(k.steps, k.current)
}

// follow gives names their new slots.
func (k *teller) follow() {
	if !k.w.rename || !k.names.apply(k.now) {
		return
	}
	tasks, mms := make([]string, len(k.tasks)), make([]string, len(k.mms))
	for i, to := range k.names.tasks {
		tasks[to] = k.tasks[i]
	}
	for i, to := range k.names.mms {
		mms[to] = k.mms[i]
	}
	k.tasks, k.mms = tasks, mms
}

// name gives new tasks and address spaces names, and takes away those of slots that are free again.
func (k *teller) name() {
	for i := range k.now.Tasks {
		t := &k.now.Tasks[i]
		switch {
		case t.Kind == machine.FreeTask:
			k.tasks[i] = ""
		case k.tasks[i] == "":
			k.tasks[i] = k.newName(map[machine.TaskKind]string{machine.IdleTask: "idle", machine.KernelTask: "kthread", machine.UserTask: "task"}[t.Kind])
		}
	}
	for i := range k.now.MMs {
		switch {
		case i == int(machine.InitMM):
			k.mms[i] = "init_mm"
		case k.now.MMs[i].Alive == 0:
			k.mms[i] = ""
		case k.mms[i] == "":
			k.mms[i] = k.newName("mm")
		}
	}
}

func (k *teller) newName(kind string) string {
	n := k.made[kind]
	k.made[kind]++
	if kind != "idle" {
		n++
	}
	return fmt.Sprintf("%s%d", kind, n)
}

func (k *teller) TaskName(t machine.TaskID) string {
	if t < 0 || int(t) >= len(k.tasks) {
		return "NULL"
	}
	if k.tasks[t] == "" {
		return machine.Numbers{}.TaskName(t)
	}
	return k.tasks[t]
}

func (k *teller) MMName(m machine.MMID) string {
	if m < 0 || int(m) >= len(k.mms) || k.mms[m] == "" {
		return machine.Numbers{}.MMName(m)
	}
	return k.mms[m]
}

// asked says what an action is, where it is not just the next step of a CPU.
func (k *teller) asked(a *action) (what, why string) {
	path := ""
	if a.entry != 0 {
		path = k.w.prog.At(a.entry).Path.Name
	}
	switch a.do {
	case takeStep:
		return "", ""
	case interrupt:
		return "(interrupt)", "another CPU wants something of this one, and interrupts are on"
	case sleepSoon:
		return "(sleep)", "the task sets its state and calls schedule"
	case fillTLB:
		return speculation, speculationWhy
	case goOffline:
		return "(offline)", "the CPU is taken away"
	case bringUp:
		return "(online)", "the CPU comes back"
	case enter:
		if a.entry == k.w.entries.schedule || a.entry == k.w.entries.preempt {
			return "(preemption)", "another task is to run here"
		}
	}
	return "(" + path + ")", "the environment has this happen"
}

func (k *teller) Before(cpu machine.CPUID, in *step.Instr) {
	k.name()
	k.before.CopyFrom(k.now)
	k.current = Step{CPU: int(cpu), Task: k.TaskName(k.now.CPUs[cpu].Stack), Path: in.Path.Name, Step: in.Label, Why: in.Why, Changes: []Change{}}
}

func (k *teller) After(machine.CPUID, *step.Instr) {
	k.name()
	k.changed()
	k.steps = append(k.steps, k.current)
	k.before.CopyFrom(k.now)
}

// walked tells of a walk that the hardware made at once.
func (k *teller) walked(cpu machine.CPUID) {
	k.current = Step{CPU: int(cpu), Task: k.TaskName(k.now.CPUs[cpu].Curr), Step: speculation, Why: speculationWhy, Changes: []Change{}}
	k.changed()
	k.steps = append(k.steps, k.current)
	k.before.CopyFrom(k.now)
}

// changed notes what the machine has that it had not before, all but its own bookkeeping.
func (k *teller) changed() {
	machine.Diff(k.before, k.now, func(c machine.Change) {
		if c.Place.Kind == machine.OfStack || bookkeeping[c.Field] {
			return
		}
		what, before, after := c.Parts(k)
		k.current.Changes = append(k.current.Changes, Change{what, before, after})
	})
}

// bookkeeping is what the machine needs to run and the kernel has no word for.
var bookkeeping = map[string]bool{"next pick": true, "barrier since user access": true, "barrier since rq->curr": true,
	"in context_switch": true, "serialised": true, "stack depth": true, "serial": true, "task serials": true, "last_mm_ctx_id": true}
