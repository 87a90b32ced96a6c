package step

import (
	"fmt"
	"slices"
)

// A mutant is a linked program with one rule line spoilt. Instructions keep their places, so a state
// of the program is also one of the mutant.

// lines returns where path has steps, conditions or calls with that label.
func (p *Program) lines(path, label string) []uint32 {
	var at []uint32
	for pc := range p.code {
		in := &p.info[pc]
		if in.Path != nil && in.Path.Name == path && in.Label == label && p.code[pc].op != opJump {
			at = append(at, uint32(pc))
		}
	}
	return at
}

func (p *Program) mutant(path, label string, spoil func(m *Program, pc uint32) error) (*Program, error) {
	at := p.lines(path, label)
	if len(at) == 0 {
		return nil, fmt.Errorf("step: %s has no line %q", path, label)
	}
	m := *p
	m.code, m.info = slices.Clone(p.code), slices.Clone(p.info)
	for _, pc := range at {
		if err := spoil(&m, pc); err != nil {
			return nil, err
		}
	}
	m.rows()
	return &m, nil
}

// canMove reports whether the instruction at pc is a step or a call.
func (p *Program) canMove(pc uint32) bool { return p.info[pc].step || p.code[pc].op.calls() }

// Without returns a mutant in which path skips the step or call with that label.
func (p *Program) Without(path, label string) (*Program, error) {
	return p.mutant(path, label, func(m *Program, pc uint32) error {
		if !m.canMove(pc) {
			return fmt.Errorf("step: %s: %q is a condition: Negate it", path, label)
		}
		m.code[pc] = instr{op: opDo, do: func(*Ctx) {}}
		return nil
	})
}

// Negate returns a mutant in which the condition with that label decides the other way round.
func (p *Program) Negate(path, label string) (*Program, error) {
	return p.mutant(path, label, func(m *Program, pc uint32) error {
		in := &m.code[pc]
		if in.op != opBranch {
			return fmt.Errorf("step: %s: %q is not a condition", path, label)
		}
		cond := in.cond
		in.cond = func(c *Ctx) bool { return !cond(c) }
		return nil
	})
}

// Swap returns a mutant in which the line with that label and the one after it change places. Both
// must be steps or calls of one straight piece.
func (p *Program) Swap(path, label string) (*Program, error) {
	return p.mutant(path, label, func(m *Program, pc uint32) error {
		if !m.canMove(pc) || !m.canMove(pc+1) {
			return fmt.Errorf("step: %s: %q and what follows it are not two steps", path, label)
		}
		m.code[pc], m.code[pc+1] = m.code[pc+1], m.code[pc]
		m.info[pc], m.info[pc+1] = m.info[pc+1], m.info[pc]
		return nil
	})
}
