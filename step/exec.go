package step

import (
	"fmt"

	"switchyard/machine"
)

// Violation is a rule that did not hold.
type Violation struct {
	Rule   string
	CPU    machine.CPUID
	Path   string // where it was seen: the path and the step, empty when found between steps
	Step   string
	Detail string
}

// Exec runs a program on a machine.
type Exec struct {
	Prog  *Program
	S     *machine.State
	Stats machine.Stats

	// Violations collects broken rules up to MaxViolations; ViolationCount counts all of them.
	Violations     []Violation
	ViolationCount int

	// Watch, when set, sees every step: before it runs and after. It is for narration; it slows
	// the machine down.
	Watch Watcher

	// Choose picks the outcome of a Choose step in straight-line runs; nil takes the first.
	Choose func(c *Ctx, in *Instr, outcomes int) int

	ctx Ctx
	pc  uint32 // of the step that runs

	// Each step writes here. What stands beside an Exec in memory, another one that another core runs, say,
	// must not be in a line of the cache with it.
	_ [256]byte
}

// Watcher is told of every step of an Exec.
type Watcher interface {
	Before(cpu machine.CPUID, in *Instr)
	After(cpu machine.CPUID, in *Instr)
}

// MaxViolations bounds Exec.Violations, so that a broken machine on a long recording stays small.
const MaxViolations = 1000

// NewExec readies a machine to run.
func NewExec(p *Program, s *machine.State) *Exec {
	e := &Exec{Prog: p, S: s}
	e.ctx.exec, e.ctx.Stats = e, &e.Stats
	return e
}

func (e *Exec) broken(cpu machine.CPUID, rule, detail string) {
	in := e.Prog.At(e.pc)
	v := Violation{Rule: rule, CPU: cpu, Step: in.Label, Detail: detail}
	if in.Path != nil {
		v.Path = in.Path.Name
	}
	e.Report(v)
}

// Report records a broken rule.
func (e *Exec) Report(v Violation) {
	e.ViolationCount++
	if len(e.Violations) < MaxViolations {
		e.Violations = append(e.Violations, v)
	}
}

// Begin makes the task whose stack cpu stands on enter the named path; Step or Run then takes it
// on. The arguments are the frame's locals.
func (e *Exec) Begin(cpu machine.CPUID, path string, args machine.Frame) {
	e.BeginAt(cpu, e.Prog.Entry(path), args)
}

// BeginAt is Begin with a path's entry that was looked up before.
func (e *Exec) BeginAt(cpu machine.CPUID, entry uint32, args machine.Frame) {
	e.Put(cpu, entry, &args)
	e.loadTop(cpu)
	e.advance()
}

// Put is BeginAt for a caller that goes on with Run: conditions before the first step are left to it.
func (e *Exec) Put(cpu machine.CPUID, entry uint32, args *machine.Frame) {
	e.S.PushFrame(e.S.CPUs[cpu].Stack, args).PC = entry
}

// Reach runs what lies before the next step of cpu, so that Next and Step find the CPU at one.
func (e *Exec) Reach(cpu machine.CPUID) {
	e.loadTop(cpu)
	e.advance()
}

// load makes ctx that of cpu, all but its frame.
func (e *Exec) load(cpu machine.CPUID) {
	c := &e.ctx
	c.S, c.C, c.CPU, c.Choice = e.S, &e.S.CPUs[cpu], cpu, 0
}

func (e *Exec) loadTop(cpu machine.CPUID) {
	e.load(cpu)
	e.ctx.F = e.S.Top(e.ctx.C.Stack)
}

// advance runs what is between steps, until the top frame stands at a step or the stack is empty.
func (e *Exec) advance() {
	c := &e.ctx
	for c.F != nil {
		in := &e.Prog.code[c.F.PC]
		switch in.op {
		case opBranch:
			if in.cond(c) {
				c.F.PC++
			} else {
				c.F.PC = in.target
			}
		case opJump:
			c.F.PC = in.target
		case opCall, opCallWith, opCallRow, opCallRowWith:
			e.call(in.target)
		case opReturnInto:
			e.returnInto()
		case opReturn, opIRet:
			e.pop()
		case opHalt:
			panic("step: a frame was pushed without a path")
		default:
			return
		}
	}
}

func (e *Exec) call(entry uint32) {
	c := &e.ctx
	caller := c.F
	callee := c.S.Push(c.C.Stack)
	*callee = *caller
	if bind := e.Prog.info[caller.PC].bind; bind != nil {
		bind(caller, callee)
	}
	caller.PC++
	callee.PC = entry
	c.F = callee
}

func (e *Exec) pop() {
	c := &e.ctx
	c.S.Pop(c.C.Stack)
	c.F = c.S.Top(c.C.Stack)
}

// returnInto returns to a caller that may take results. What is interrupted right behind a call is
// no caller: a handler returns with pop.
func (e *Exec) returnInto() {
	callee := e.ctx.F // still in memory when it is off the stack
	e.pop()
	if e.ctx.F != nil {
		e.take(e.ctx.F.PC, callee)
	}
}

// Next returns the step that cpu stands at, or nil where its stack is empty.
func (e *Exec) Next(cpu machine.CPUID) *Instr {
	f := e.S.Top(e.S.CPUs[cpu].Stack)
	if f == nil {
		return nil
	}
	return e.Prog.At(f.PC)
}

// Outcomes returns in how many ways the next step of cpu can come out now: 0 where the CPU has
// nothing to run or waits.
func (e *Exec) Outcomes(cpu machine.CPUID) int {
	e.loadTop(cpu)
	if e.ctx.F == nil {
		return 0
	}
	return e.outcomes()
}

func (e *Exec) outcomes() int {
	c := &e.ctx
	switch in := &e.Prog.code[c.F.PC]; in.op {
	case opWait:
		if !in.cond(c) {
			return 0
		}
	case opChoose:
		return e.Prog.choices[in.target](c)
	}
	return 1
}

// Step runs one step on cpu with the given outcome. The step must be able to run: see Outcomes.
func (e *Exec) Step(cpu machine.CPUID, outcome int) {
	e.loadTop(cpu)
	e.ctx.Choice = outcome
	e.step()
	e.advance()
}

func (e *Exec) step() {
	c := &e.ctx
	e.pc = c.F.PC
	if e.Watch != nil {
		e.Watch.Before(c.CPU, e.Prog.At(e.pc))
	}
	c.F.PC++
	e.Prog.code[e.pc].do(c)
	e.Stats.Steps++
	if e.Watch != nil {
		e.Watch.After(c.CPU, e.Prog.At(e.pc))
	}
}

// Run takes cpu on in straight line until its stack is empty or its next step has to wait. It
// reports whether the stack is empty.
func (e *Exec) Run(cpu machine.CPUID) bool {
	e.load(cpu)
	if e.Watch == nil {
		return e.straight()
	}
	return e.stepwise()
}

// stepwise is what straight does, one step at a time.
func (e *Exec) stepwise() bool {
	c := &e.ctx
	c.F = e.S.Top(c.C.Stack)
	for {
		e.advance()
		if c.F == nil {
			return true
		}
		n := e.outcomes()
		if n == 0 {
			return false
		}
		c.Choice = 0
		if n > 1 && e.Choose != nil {
			c.Choice = e.Choose(c, e.Prog.At(c.F.PC), n)
		}
		e.step()
	}
}

// StuckError says that no CPU can go on although work is left.
type StuckError struct {
	CPU  machine.CPUID
	Path string
	Step string
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("cpu %d waits for ever in %s at %s", e.CPU, e.Path, e.Step)
}
