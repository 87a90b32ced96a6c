package step

import (
	"fmt"

	"switchyard/machine"
)

type opcode uint8

const (
	opDo opcode = iota
	opWait
	opChoose
	opBranch // falls through when cond holds, else goes to target
	opJump
	opCall
	opReturn
	opIRet // return from a handler: what was interrupted called nobody
	opHalt // never runs: PC 0
)

// Instr is one instruction of a linked program.
type Instr struct {
	op     opcode
	target uint32

	do      func(*Ctx)
	cond    func(*Ctx) bool // of a branch; of a wait: may it run
	choices func(*Ctx) int
	bind    func(caller, callee *machine.Frame)
	result  func(caller, callee *machine.Frame)

	Label string
	Why   string
	Ours  bool // no kernel symbol stands behind the label
	Path  *Path
}

// IsStep reports whether the instruction is a step, rather than a condition or a call between steps.
func (i *Instr) IsStep() bool { return i.op <= opChoose }

// Program is the paths of one machine, linked.
type Program struct {
	code  []Instr
	paths []*Path
	entry []uint32 // for each path
}

// Link selects, out of all paths, those that hold for c and resolves their calls. A name that no
// path of this machine carries, or that two of them do, is a mistake in the tables.
func Link(c *machine.Config, all ...[]*Path) (*Program, error) {
	p := &Program{code: []Instr{{op: opHalt, Label: "none"}}}
	for _, group := range all {
		for _, path := range group {
			if !path.Holds(c) {
				continue
			}
			if old := p.find(path.Name); old >= 0 {
				return nil, fmt.Errorf("step: two paths named %s hold for %s on %s", path.Name, c.Release, c.Arch)
			}
			p.paths = append(p.paths, path)
		}
	}
	p.entry = make([]uint32, len(p.paths))
	for i, path := range p.paths {
		p.entry[i] = p.here()
		p.compile(path, path.Body)
		p.emit(Instr{op: returnOp(path), Label: "return", Path: path})
	}
	for i := range p.code {
		in := &p.code[i]
		if in.op != opCall {
			continue
		}
		callee := p.find(in.Label)
		if callee < 0 {
			return nil, fmt.Errorf("step: %s calls %s, which no path of %s on %s is named", in.Path.Name, in.Label, c.Release, c.Arch)
		}
		in.target = p.entry[callee]
	}
	return p, nil
}

func (p *Program) find(name string) int {
	for i, path := range p.paths {
		if path.Name == name {
			return i
		}
	}
	return -1
}

func returnOp(p *Path) opcode {
	if p.Handler {
		return opIRet
	}
	return opReturn
}

func (p *Program) here() uint32 { return uint32(len(p.code)) }

func (p *Program) emit(in Instr) uint32 {
	p.code = append(p.code, in)
	return uint32(len(p.code) - 1)
}

func (p *Program) compile(path *Path, body Seq) {
	for _, n := range body {
		p.compileNode(path, n)
	}
}

func (p *Program) compileNode(path *Path, n Node) {
	in := Instr{Label: n.label, Why: n.why, Ours: n.ours, Path: path, do: n.do, choices: n.choices, bind: n.bind, result: n.result}
	switch n.kind {
	case nodeStep:
		switch {
		case n.ready != nil:
			in.op, in.cond = opWait, n.ready
		case n.choices != nil:
			in.op = opChoose
		}
		p.emit(in)
	case nodeCall:
		in.op = opCall
		p.emit(in)
	case nodeReturn:
		in.op = returnOp(path)
		p.emit(in)
	case nodeIf:
		in.op, in.cond = opBranch, n.cond
		branch := p.emit(in)
		p.compile(path, n.then)
		if len(n.orElse) > 0 {
			jump := p.emit(Instr{op: opJump, Path: path})
			p.code[branch].target = p.here()
			p.compile(path, n.orElse)
			p.code[jump].target = p.here()
			return
		}
		p.code[branch].target = p.here()
	case nodeLoop:
		in.op, in.cond = opBranch, n.cond
		branch := p.emit(in)
		p.compile(path, n.then)
		p.emit(Instr{op: opJump, target: branch, Path: path})
		p.code[branch].target = p.here()
	}
}

// Entry returns where the named path begins. Asking for a path that the machine does not have is a
// programming mistake, so it panics; Has asks first.
func (p *Program) Entry(name string) uint32 {
	i := p.find(name)
	if i < 0 {
		panic("step: no path named " + name)
	}
	return p.entry[i]
}

// Has reports whether the machine has a path of that name.
func (p *Program) Has(name string) bool { return p.find(name) >= 0 }

// Paths returns the linked paths in the order in which they were given.
func (p *Program) Paths() []*Path { return p.paths }

// At returns the instruction at pc.
func (p *Program) At(pc uint32) *Instr { return &p.code[pc] }

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.code) }
