package step

import "switchyard/machine"

// Path is a kernel function as a table. Several paths may share a name where releases or
// configurations differ; exactly one of them holds for a machine.
type Path struct {
	Name   string
	Source string // file:function in the kernel tree, and the versions that were read
	Doc    string // what it is for; a sentence that begins with "Departs:" says where it differs

	Since machine.Release // the first release that has it
	Until machine.Release // the first that no longer has it; 0 where the newest still does
	// Only narrows the path to some configurations of its releases; nil means all.
	Only func(*machine.Config) bool

	// Handler marks what an interrupt enters, on top of whatever runs.
	Handler bool

	Body Seq
}

// Holds reports whether the path is the one for c.
func (p *Path) Holds(c *machine.Config) bool {
	if c.Release < p.Since || c.Release > p.until() {
		return false
	}
	return p.Only == nil || p.Only(c)
}

func (p *Path) until() machine.Release {
	if p.Until == 0 {
		return machine.Newest
	}
	return p.Until - 1
}

// Range returns the first and last release of the path.
func (p *Path) Range() (first, last machine.Release) { return p.Since, p.until() }

// Seq is a body: nodes that run one after another.
type Seq []Node

// Node is one line of a table: a step, a condition, a call or a loop.
type Node struct {
	kind  nodeKind
	label string
	why   string

	do      func(*Ctx)
	ready   func(*Ctx) bool
	choices func(*Ctx) int
	cond    func(*Ctx) bool
	bind    func(caller, callee *machine.Frame)
	result  func(caller, callee *machine.Frame)
	then    Seq
	orElse  Seq
	ours    bool
	touches Touch
	// touchesSince is the first release for which touches is said.
	touchesSince machine.Release
	// switches marks a step that may move the CPU to another stack.
	switches bool
}

type nodeKind uint8

const (
	nodeStep nodeKind = iota
	nodeIf
	nodeCall
	nodeLoop
	nodeReturn
)

// Do is a step. The label is the kernel's symbol for it, why is one line for a whiteboard.
func Do(label, why string, do func(*Ctx)) Node {
	return Node{kind: nodeStep, label: label, why: why, do: do}
}

// Ours is a step that no kernel symbol stands for.
func Ours(label, why string, do func(*Ctx)) Node {
	return Node{kind: nodeStep, label: label, why: why, do: do, ours: true}
}

// Switch is a step that may move the CPU to another stack, by Ctx.StandOn. No other step may.
func Switch(label, why string, do func(*Ctx)) Node {
	return Node{kind: nodeStep, label: label, why: why, do: do, switches: true}
}

// Wait is a step that cannot run before ready holds: a spin lock, a wait for an acknowledgement.
func Wait(label, why string, ready func(*Ctx) bool, do func(*Ctx)) Node {
	return Node{kind: nodeStep, label: label, why: why, ready: ready, do: do}
}

// Choose is a step with several outcomes: choices says how many there are now, and do finds the one
// to take in Ctx.Choice.
func Choose(label, why string, choices func(*Ctx) int, do func(*Ctx)) Node {
	return Node{kind: nodeStep, label: label, why: why, choices: choices, do: do}
}

// If runs then or orElse. The label is the condition in words.
func If(label string, cond func(*Ctx) bool, then, orElse Seq) Node {
	return Node{kind: nodeIf, label: label, cond: cond, then: then, orElse: orElse}
}

// While runs body as long as cond holds.
func While(label string, cond func(*Ctx) bool, body Seq) Node {
	return Node{kind: nodeLoop, label: label, cond: cond, then: body}
}

// Call runs another path in a frame of its own, which begins as a copy of the caller's locals.
func Call(name string) Node { return Node{kind: nodeCall, label: name} }

// With changes the locals that the callee of a Call begins with.
func (n Node) With(bind func(caller, callee *machine.Frame)) Node {
	n.bind = bind
	return n
}

// Returning takes results out of the callee's locals when it returns.
func (n Node) Returning(result func(caller, callee *machine.Frame)) Node {
	n.result = result
	return n
}

// Return leaves the path.
func Return() Node { return Node{kind: nodeReturn, label: "return"} }

// Then and Else only make a table read well.
func Then(n ...Node) Seq { return n }
func Else(n ...Node) Seq { return n }
