// Package mutants lists the lines of the paths that tests spoil, one at a time, to see whether scenarios,
// traces and the checker notice.
package mutants

import (
	"fmt"

	"switchyard/step"
)

// Mutation spoils a line of a path wherever that path has it.
type Mutation struct {
	Kind  string // without, negate or swap
	Path  string
	Label string
}

func (m Mutation) String() string { return m.Kind + " " + m.Path + "/" + m.Label }

// Apply spoils a program. Where the program has no such line it fails, and the program is as it was.
func (m Mutation) Apply(p *step.Program) (*step.Program, error) {
	switch m.Kind {
	case "without":
		return p.Without(m.Path, m.Label)
	case "negate":
		return p.Negate(m.Path, m.Label)
	case "swap":
		return p.Swap(m.Path, m.Label)
	}
	return nil, fmt.Errorf("unknown kind of mutation %q", m.Kind)
}
