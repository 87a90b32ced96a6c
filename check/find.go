package check

import (
	"cmp"
	"slices"
)

// find is a rule that was broken: on an action from a state, or in a state.
type find struct {
	broken Broken
	state  []uint32 // its pieces
	hash   uint64
	inIt   bool // the state itself breaks the rule, whatever led to it
	action int
	begin  int
}

// first tells which of two finds is told: one on an action before one in a state, that of the smaller
// state, that by the smaller action.
func (s *search) first(a, b *find) *find {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.inIt != b.inIt:
		if a.inIt {
			return b
		}
		return a
	}
	switch c := s.compare(a, b); {
	case c < 0:
		return a
	case c > 0:
		return b
	case a.action != b.action:
		if b.action < a.action {
			return b
		}
		return a
	case b.broken.before(&a.broken):
		return b
	}
	return a
}

// compare orders states by hash and, where that does not tell, by their pieces.
func (s *search) compare(a, b *find) int {
	if a.hash != b.hash {
		return cmp.Compare(a.hash, b.hash)
	}
	for i := range a.state {
		if c := slices.Compare(s.seen.values.at(a.state[i]), s.seen.values.at(b.state[i])); c != 0 {
			return c
		}
	}
	return 0
}
