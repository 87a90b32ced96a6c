package scenario

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Names tells the names that a scenario gave.
type Names interface {
	TaskName(machine.TaskID) string
	MMName(machine.MMID) string
}

// Operation is one thing that a scenario made happen. It may take several switches, or none.
type Operation struct {
	Number  int
	Text    string // as the scenario wrote it, but for its spacing
	File    string
	Line    int
	Machine *kernel.Machine
	Names   Names

	// Switches are numbered from 1 over the whole scenario: this operation made those from First to
	// Last, none where Last is less than First.
	First, Last int

	lastCPU  machine.CPUID
	lastStep *step.Instr
}

func (o *Operation) describe() string {
	s := fmt.Sprintf("%s (line %d)", o.Text, o.Line)
	if o.lastStep != nil {
		s += fmt.Sprintf(", whose last step was %s on cpu %d", stepName(o.lastStep), o.lastCPU)
	}
	return s
}

// Observer is told what happens in a scenario, as explain and the stepper need it. Steps come
// between Operation and Settled.
type Observer interface {
	Operation(*Operation)
	step.Watcher
	Settled(*Operation)
}

// watch sees every step of a yard: it counts what belongs to one CPU, and passes the step on.
type watch struct {
	y              *yard
	full, ranged   uint64
	switchesBefore uint64
	steps          int // of this operation
}

// runaway is what a step panics with when an operation has no end. Only a broken kernel has one.
type runaway struct{ step.StuckError }

const maxOperationSteps = 300_000

func (w *watch) Before(cpu machine.CPUID, in *step.Instr) {
	s := &w.y.m.Stats
	w.full, w.ranged, w.switchesBefore = s.FullFlushes, s.RangedFlushes, s.Switches
	if w.steps++; w.steps > maxOperationSteps {
		panic(runaway{step.StuckError{CPU: cpu, Path: in.Path.Name, Step: in.Label}})
	}
	if o := w.y.r.opts.Observer; o != nil {
		o.Before(cpu, in)
	}
}

func (w *watch) After(cpu machine.CPUID, in *step.Instr) {
	s := &w.y.m.Stats
	w.y.flushes[cpu] += s.FullFlushes - w.full + s.RangedFlushes - w.ranged
	r := w.y.r
	if s.Switches != w.switchesBefore {
		r.result.Switches++
	}
	if r.last != nil {
		r.last.Last = r.result.Switches
		r.last.lastCPU, r.last.lastStep = cpu, in
	}
	if o := r.opts.Observer; o != nil {
		o.After(cpu, in)
	}
}

func stepName(in *step.Instr) string { return in.Path.Name + "/" + in.Label }

// operate runs one operation: it does it, lets the machine settle and looks at every rule.
func (y *yard) operate(t *starlark.Thread, text string, do func() error) error {
	r := y.r
	if y.gone {
		return fmt.Errorf("this machine was built inside an expect_violation that is over")
	}
	if r.result.Operations >= maxOperations {
		return fmt.Errorf("a scenario may have %d operations", maxOperations)
	}
	r.result.Operations++
	op := &Operation{Number: r.result.Operations, Text: text, File: r.file, Line: r.line(t), Machine: y.m, Names: y,
		First: r.result.Switches + 1, Last: r.result.Switches}
	r.last, r.lastYard = op, y
	if o := r.opts.Observer; o != nil {
		o.Operation(op)
		defer o.Settled(op)
	}
	seen := y.m.ViolationCount
	err := y.bounded(do)
	y.m.Held = false
	var wedged *step.StuckError
	if err != nil && !errors.As(err, &wedged) {
		return err
	}
	found := y.broken(seen, op, wedged)
	if len(found) == 0 {
		return nil
	}
	if r.expecting {
		for i := range found {
			found[i].Expected = true
		}
		return &brokenRule{found}
	}
	r.result.Violations = append(r.result.Violations, found...)
	return r.failed(t, describeViolations(found))
}

// bounded ends what would never end, as an operation in which nobody can go on.
func (y *yard) bounded(do func() error) (err error) {
	y.watch.steps = 0
	defer func() {
		if p := recover(); p != nil {
			r, ok := p.(runaway)
			if !ok {
				panic(p)
			}
			err = &r.StuckError
		}
	}()
	return do()
}

// broken lists the rules that the operation broke. What a step saw is the cause of what the state
// shows afterwards; and a rule about the way here that of a rule about the state. So only the first
// of the three that found anything is asked.
func (y *yard) broken(seen int, op *Operation, wedged *step.StuckError) []Violation {
	var found []Violation
	add := func(v step.Violation) {
		found = append(found, Violation{Violation: v, Line: op.Line, Operation: op.Text})
	}
	n := min(y.m.ViolationCount-seen, len(y.m.Violations))
	for _, v := range y.m.Violations[len(y.m.Violations)-n:] {
		add(v)
	}
	if len(found) == 0 && wedged != nil {
		add(step.Violation{Rule: stuck, CPU: wedged.CPU, Path: wedged.Path, Step: wedged.Step, Detail: "nobody can go on"})
	}
	report := func(rule string, cpu machine.CPUID, detail string) {
		add(step.Violation{Rule: rule, CPU: cpu, Detail: detail})
	}
	if len(found) == 0 && y.across != nil {
		y.across(report)
	}
	y.across = nil
	if len(found) == 0 {
		invariant.CheckAll(y.m.S, report)
	}
	return found
}
