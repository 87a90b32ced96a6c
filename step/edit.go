package step

import (
	"fmt"
	"slices"
)

// Edit returns a copy of p in which every node with that label, at any depth, is replaced by what f
// makes of it. It is how a variation says what it changes and nothing else. A label that p does not
// have is a mistake in the variation.
func (p *Path) Edit(label string, f func(Node) Seq) (*Path, error) {
	edited := *p
	found := 0
	edited.Body = p.Body.edit(label, f, &found)
	if found == 0 {
		return nil, fmt.Errorf("step: %s has no step, condition or call labelled %q", p.Name, label)
	}
	return &edited, nil
}

func (s Seq) edit(label string, f func(Node) Seq, found *int) Seq {
	out := make(Seq, 0, len(s))
	for _, n := range s {
		if n.label == label {
			*found++
			out = append(out, f(n)...)
			continue
		}
		n.then, n.orElse = n.then.edit(label, f, found), n.orElse.edit(label, f, found)
		out = append(out, n)
	}
	return slices.Clip(out)
}

// WithElse returns the condition n with another alternative.
func (n Node) WithElse(orElse Seq) Node {
	n.orElse = orElse
	return n
}
