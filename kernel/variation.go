package kernel

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/machine"
	"switchyard/step"
)

// Variation is a kernel with one thing wrong: a bug that Linux had, or one that a port could easily
// have. It holds for some releases and changes some paths of a machine.
type Variation struct {
	Name   string
	What   string // what it does wrong, in one sentence
	Breaks string // the rule that does not hold in consequence
	Since  machine.Release
	Until  machine.Release // the first release that does not have it; 0 for none
	Only   func(*machine.Config) bool
	Edits  []Edit
	Put    []*step.Path // whole paths, for releases of their own
}

// Edit replaces the lines with a label in a path.
type Edit struct {
	Path, Label string
	Make        func(step.Node) step.Seq
}

// PortWithVariations is a port that has seeded bugs of its own.
type PortWithVariations interface {
	Port
	Variations() []Variation
}

// VariationsOf lists the variations that a machine with that port knows, those of the generic half first.
func VariationsOf(port Port) []Variation {
	all := slices.Concat(variations, membarrierVariations, wakeupVariations)
	if p, ok := port.(PortWithVariations); ok {
		all = append(all, p.Variations()...)
	}
	return all
}

// FindVariation finds a variation by its name; the form for the release where releases differ.
func FindVariation(name string, c *machine.Config, port Port) (Variation, error) {
	var names []string
	known, onRegisters := false, false
	for _, v := range VariationsOf(port) {
		if v.Name == name && v.Holds(c) {
			return v, nil
		}
		known = known || v.Name == name
		onRegisters = onRegisters || v.Name == name && v.holdsOnRegisters(*c)
		if v.Holds(c) && !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	what := fmt.Sprintf("release %s on %s", c.Release, port.Arch())
	if onRegisters {
		return Variation{}, fmt.Errorf("variation %q needs registers to show: machine(…, registers = True), or --registers", name)
	}
	if known {
		return Variation{}, fmt.Errorf("variation %q does not apply to %s: those that do are %s", name, what, strings.Join(names, ", "))
	}
	return Variation{}, fmt.Errorf("unknown variation %q: %s has %s", name, what, strings.Join(names, ", "))
}

// Holds reports whether the variation can be made of a machine of that shape.
func (v *Variation) Holds(c *machine.Config) bool {
	if c.Release < v.Since || v.Until != 0 && c.Release >= v.Until {
		return false
	}
	if v.Only != nil && !v.Only(c) {
		return false
	}
	return len(v.Put) == 0 || slices.ContainsFunc(v.Put, func(p *step.Path) bool { return p.Holds(c) })
}

func (v *Variation) holdsOnRegisters(c machine.Config) bool {
	c.Registers = true
	return v.Holds(&c)
}

// Paths returns the paths that the variation changes in a machine of that shape, for Boot and Link.
func (v *Variation) Paths(c *machine.Config, port Port) ([]*step.Path, error) {
	intact, err := intactPaths(c, port)
	if err != nil {
		return nil, err
	}
	changed := slices.DeleteFunc(slices.Clone(v.Put), func(p *step.Path) bool { return !p.Holds(c) })
	for _, e := range v.Edits {
		from := changed
		i := slices.IndexFunc(from, func(p *step.Path) bool { return p.Name == e.Path })
		if i < 0 {
			from = intact
			i = slices.IndexFunc(from, func(p *step.Path) bool { return p.Name == e.Path })
		}
		if i < 0 {
			return nil, fmt.Errorf("variation %s: no path %s", v.Name, e.Path)
		}
		p, err := from[i].Edit(e.Label, e.Make)
		if err != nil {
			return nil, fmt.Errorf("variation %s: %w", v.Name, err)
		}
		changed = override(changed, []*step.Path{p})
	}
	return changed, nil
}
