package step

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/machine"
)

type opcode uint8

const (
	opDo opcode = iota
	opSwitch
	opWait
	opChoose
	opBranch // falls through when cond holds, else goes to target
	opJump
	opCall
	opCallWith    // a call that binds locals of the callee
	opCallRow     // a call of a path that is one row of Do steps and no more
	opCallRowWith // one that binds locals
	opReturn
	opReturnInto // a return whose caller may take results
	opIRet       // return from a handler: what was interrupted called nobody
	opHalt       // never runs: PC 0
)

func (o opcode) calls() bool { return o >= opCall && o <= opCallRowWith }

// instr is what the executor reads of an instruction. It is kept apart from what people read of it,
// Instr, so that a whole switch stays in the first-level cache.
type instr struct {
	do   func(*Ctx)
	cond func(*Ctx) bool // of a branch; of a wait: may it run
	// target is where a branch, jump or call leads; of a Do step, the end of the row of Do steps that
	// it stands in; of a choice, its index in Program.choices.
	target uint32
	op     opcode
}

// Instr is one instruction of a linked program, as the stepper and the checker show it.
type Instr struct {
	Label string
	Why   string
	Ours  bool // no kernel symbol stands behind the label
	Path  *Path

	Touches Touch // what the step declares; Anything of what is no step

	step   bool
	bind   func(caller, callee *machine.Frame)
	result func(caller, callee *machine.Frame)
}

// IsStep reports whether the instruction is a step, rather than a condition or a call between steps.
func (i *Instr) IsStep() bool { return i.step }

// Program is the paths of one machine, linked.
type Program struct {
	code    []instr
	info    []Instr // for each instruction of code
	choices []func(*Ctx) int

	paths   []*Path
	byName  []entry // sorted
	release machine.Release
}

// entry is where a path begins.
type entry struct {
	name string
	pc   uint32
}

// Link selects, out of all paths, those that hold for c and resolves their calls. A name that no
// path of this machine carries, or that two of them do, is a mistake in the tables.
func Link(c *machine.Config, all ...[]*Path) (*Program, error) {
	p := &Program{release: c.Release}
	p.emit(instr{op: opHalt}, Instr{Label: "none"})
	for _, group := range all {
		for _, path := range group {
			if !path.Holds(c) {
				continue
			}
			if p.Has(path.Name) {
				return nil, fmt.Errorf("step: two paths named %s hold for %s on %s", path.Name, c.Release, c.Arch)
			}
			p.add(path)
		}
	}
	if err := p.resolve(c); err != nil {
		return nil, err
	}
	p.shorten()
	p.rows()
	if c.Memory != machine.Sequential {
		p.buffer()
	}
	return p, nil
}

// rows tells every Do step where the row of Do steps that it stands in ends, and finds the calls that
// run no more than such a row.
func (p *Program) rows() {
	for i := len(p.code) - 1; i >= 0; i-- {
		in := &p.code[i]
		switch in.op {
		case opCallRow, opCallRowWith:
			in.op -= opCallRow - opCall // a mutant's row may be another one
		case opDo:
			in.target = uint32(i) + 1
			if next := &p.code[i+1]; next.op == opDo {
				in.target = next.target
			}
		}
	}
	for i := range p.code {
		in := &p.code[i]
		if in.op != opCall && in.op != opCallWith {
			continue
		}
		if to := &p.code[in.target]; to.op == opDo && p.code[to.target].op == opReturn {
			in.op += opCallRow - opCall
		}
	}
}

func (p *Program) add(path *Path) {
	at, _ := p.find(path.Name)
	p.byName = slices.Insert(p.byName, at, entry{path.Name, p.here()})
	p.paths = append(p.paths, path)
	p.compile(path, path.Body)
	p.emit(instr{op: returnOp(path)}, Instr{Label: "return", Path: path})
}

func returnOp(p *Path) opcode {
	if p.Handler {
		return opIRet
	}
	return opReturn
}

func (p *Program) here() uint32 { return uint32(len(p.code)) }

func (p *Program) emit(in instr, info Instr) uint32 {
	info.step = in.op <= opChoose
	p.code = append(p.code, in)
	p.info = append(p.info, info)
	return uint32(len(p.code) - 1)
}

func (p *Program) compile(path *Path, body Seq) {
	for _, n := range body {
		p.compileNode(path, n)
	}
}

func (p *Program) compileNode(path *Path, n Node) {
	info := Instr{Label: n.label, Why: n.why, Ours: n.ours, Path: path, bind: n.bind, result: n.result}
	switch n.kind {
	case nodeStep:
		if p.release >= n.touchesSince {
			info.Touches = n.touches
		}
		p.emit(p.compileStep(n), info)
	case nodeCall:
		op := opCall
		if n.bind != nil {
			op = opCallWith
		}
		p.emit(instr{op: op}, info)
	case nodeReturn:
		p.emit(instr{op: returnOp(path)}, info)
	case nodeIf:
		branch := p.emit(instr{op: opBranch, cond: n.cond}, info)
		p.compile(path, n.then)
		if len(n.orElse) > 0 {
			jump := p.emit(instr{op: opJump}, Instr{Path: path})
			p.code[branch].target = p.here()
			p.compile(path, n.orElse)
			p.code[jump].target = p.here()
			return
		}
		p.code[branch].target = p.here()
	case nodeLoop:
		branch := p.emit(instr{op: opBranch, cond: n.cond}, info)
		p.compile(path, n.then)
		p.emit(instr{op: opJump, target: branch}, Instr{Path: path})
		p.code[branch].target = p.here()
	}
}

func (p *Program) compileStep(n Node) instr {
	in := instr{do: n.do}
	switch {
	case n.switches:
		in.op = opSwitch
	case n.ready != nil:
		in.op, in.cond = opWait, n.ready
	case n.choices != nil:
		in.op, in.target = opChoose, uint32(len(p.choices))
		p.choices = append(p.choices, n.choices)
	}
	return in
}

// resolve gives every call its target.
func (p *Program) resolve(c *machine.Config) error {
	for i := range p.code {
		in, info := &p.code[i], &p.info[i]
		if in.op != opCall && in.op != opCallWith {
			continue
		}
		at, ok := p.find(info.Label)
		if !ok {
			return fmt.Errorf("step: %s calls %s, which no path of %s on %s is named", info.Path.Name, info.Label, c.Release, c.Arch)
		}
		in.target = p.byName[at].pc
		if info.result != nil {
			p.returnsInto(in.target)
		}
	}
	return nil
}

// returnsInto makes the path that begins at pc look, when it returns, whether its caller takes results.
func (p *Program) returnsInto(pc uint32) {
	for path := p.info[pc].Path; int(pc) < len(p.code) && p.info[pc].Path == path; pc++ {
		if p.code[pc].op == opReturn {
			p.code[pc].op = opReturnInto
		}
	}
}

// shorten takes out what leads nowhere between two steps: calls of empty paths, and jumps to jumps.
// No step sees the difference, since a machine never rests there.
func (p *Program) shorten() {
	for i := range p.code {
		in := &p.code[i]
		if p.skippable(in, &p.info[i]) {
			*in = instr{op: opJump, target: uint32(i) + 1}
		}
	}
	for i := range p.code {
		in := &p.code[i]
		if in.op == opJump || in.op == opBranch {
			in.target = p.land(in.target)
		}
	}
}

func (p *Program) skippable(in *instr, info *Instr) bool {
	return (in.op == opCall || in.op == opCallWith) && info.result == nil && p.code[in.target].op == opReturn
}

// land follows jumps from pc, though not for ever: a loop of jumps alone stays as it is.
func (p *Program) land(pc uint32) uint32 {
	for range len(p.code) {
		if p.code[pc].op != opJump {
			break
		}
		pc = p.code[pc].target
	}
	return pc
}

func (p *Program) find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.byName, name, func(e entry, name string) int { return strings.Compare(e.name, name) })
}

// Entry returns where the named path begins. Asking for a path that the machine does not have is a
// programming mistake, so it panics; Has asks first.
func (p *Program) Entry(name string) uint32 {
	at, ok := p.find(name)
	if !ok {
		panic("step: no path named " + name)
	}
	return p.byName[at].pc
}

// Has reports whether the machine has a path of that name.
func (p *Program) Has(name string) bool {
	_, ok := p.find(name)
	return ok
}

// Paths returns the linked paths in the order in which they were given.
func (p *Program) Paths() []*Path { return p.paths }

// At returns the instruction at pc.
func (p *Program) At(pc uint32) *Instr { return &p.info[pc] }

// Size is the number of instructions of the named path.
func (p *Program) Size(name string) uint32 {
	first := p.Entry(name)
	path, n := p.info[first].Path, uint32(0)
	for int(first+n) < len(p.code) && p.info[first+n].Path == path {
		n++
	}
	return n
}

// AfterCall reports whether pc is where a path goes on after it has called another one.
func (p *Program) AfterCall(pc uint32) bool { return pc > 0 && p.code[pc-1].op.calls() }

// Waits reports whether the instruction at pc is a step that may have to wait.
func (p *Program) Waits(pc uint32) bool { return p.code[pc].op == opWait }

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.code) }
