package check

import (
	"slices"
	"strings"

	"switchyard/arch/arm64"
	"switchyard/machine"
	"switchyard/step"
)

// generations gives the ids of arm64's address spaces their normal form. An id is a generation and a number, and
// the allocator asks of two of them only whether they are the same, of one only whether it is of the generation
// of now, and of that only for one that nobody has had. So
//
//   - generations are counted among those that some CPU still has an id of, which makes them finitely many, unless
//     a bound of the model counts them;
//   - an id that an address space has of an earlier one, and no CPU, is known by its number alone;
//   - so is one that a CPU keeps for an address space which has another one by now, or is gone; and what a CPU
//     has kept is nothing once it has an active id, unless the address space may still find it there.
//
// Hardware that gets to see generations is for machines that do not have this normal form.
type generations struct {
	step   uint64
	anew   bool     // generations are counted anew
	role   []idRole // for each program counter
	held   []uint64 // ids that CPUs have and address spaces may have
	counts []uint64 // generations of these and that of now, in order

	_ apart
}

// idRole says what a frame has in Val and Val2.
type idRole uint8

const (
	noIDs   idRole = iota
	oneID          // an id in Val
	twoIDs         // one that goes into active_asids in Val, and what was there before in Val2
	deadIDs        // what nobody reads again
	deadWay        // likewise, and in State how the id was come by
)

// What stands for a generation where it does not matter which one it is.
const (
	stale  = 0       // an address space's id that no CPU has
	orphan = 1 << 20 // a CPU's that no address space has
)

// newGenerations returns nil for machines that do not have the normal form.
func newGenerations(s *machine.State, p *step.Program, anew bool) *generations {
	c := &s.Config
	if c.Arch != machine.ARM64 || c.TLBSlots > 1<<c.ASIDBits {
		return nil
	}
	g := &generations{step: arm64.FirstVersion(c), anew: anew, role: make([]idRole, p.Len()), held: ownLines[uint64](0), counts: ownLines[uint64](0)}
	for pc := range uint32(p.Len()) {
		in := p.At(pc)
		if in.Path == nil {
			continue
		}
		switch in.Path.Name {
		case "switch_mm", "switch_mm_irqs_off", "activate_mm":
			g.role[pc] = deadIDs
			switch {
			case strings.Contains(in.Label, "xchg"):
				g.role[pc] = twoIDs
			case strings.HasPrefix(in.Label, "cpu_") || strings.HasPrefix(in.Label, "write_sysreg"):
				g.role[pc] = deadWay
			}
		case "check_and_switch_context", "new_context", "arm64_mm_context_get", "arm64_mm_context_put":
			g.role[pc] = oneID
		case "flush_context":
			g.role[pc] = deadIDs
		}
	}
	return g
}

func (g *generations) apply(s *machine.State) {
	g.collect(s)
	for i := range s.ARM64 {
		a := &s.ARM64[i]
		switch {
		case a.ReservedASID == 0 || slices.Contains(g.held, a.ReservedASID):
			a.ReservedASID = g.renewed(a.ReservedASID)
		case a.ActiveASID != 0:
			a.ReservedASID = 0
		default:
			a.ReservedASID = orphan*g.step | g.number(a.ReservedASID)
		}
		a.ActiveASID = g.renewed(a.ActiveASID)
	}
	for i := range s.MMs {
		s.MMs[i].ContextID = g.renewed(s.MMs[i].ContextID)
	}
	g.frames(s, func(f *machine.Frame, role idRole) {
		switch role {
		case oneID:
			f.Val = g.renewed(f.Val)
		case twoIDs:
			f.Val, f.Val2 = g.renewed(f.Val), g.renewed(f.Val2)
		case deadIDs:
			f.Val, f.Val2 = 0, 0
		case deadWay:
			f.Val, f.Val2, f.State = 0, 0, 0
		}
	})
	s.Global.ASIDGeneration = g.renewed(s.Global.ASIDGeneration)
}

func (g *generations) number(id uint64) uint64 { return id & (g.step - 1) }
func (g *generations) of(id uint64) uint64     { return id &^ (g.step - 1) }

// collect finds the ids that CPUs have, and which generations there are.
func (g *generations) collect(s *machine.State) {
	g.held, g.counts = g.held[:0], append(g.counts[:0], s.Global.ASIDGeneration)
	for i := range s.ARM64 {
		a := &s.ARM64[i]
		if a.ActiveASID != 0 {
			g.held = append(g.held, a.ActiveASID)
		}
		if a.ReservedASID != 0 && g.known(s, a.ReservedASID) {
			g.held = append(g.held, a.ReservedASID)
		}
	}
	g.frames(s, func(f *machine.Frame, role idRole) {
		if role == twoIDs {
			g.held = append(g.held, f.Val, f.Val2)
		}
	})
	for _, id := range g.held {
		g.counts = append(g.counts, g.of(id))
	}
	slices.Sort(g.counts)
	g.counts = slices.Compact(g.counts)
}

// known: an address space has the id, or is about to get it.
func (g *generations) known(s *machine.State, id uint64) bool {
	for i := range s.MMs {
		if s.MMs[i].ContextID == id {
			return true
		}
	}
	found := false
	g.frames(s, func(f *machine.Frame, role idRole) { found = found || role == oneID && f.Val == id })
	return found
}

// renewed is an id with its generation counted anew.
func (g *generations) renewed(id uint64) uint64 {
	if g.of(id) != 0 && (g.of(id) == g.counts[len(g.counts)-1] || slices.Contains(g.held, id)) {
		if !g.anew {
			return id
		}
		at, _ := slices.BinarySearch(g.counts, g.of(id))
		return uint64(1+at)*g.step | g.number(id)
	}
	return stale*g.step | g.number(id)
}

func (g *generations) frames(s *machine.State, do func(*machine.Frame, idRole)) {
	for t := range s.Tasks {
		for i, f := range s.Live(machine.TaskID(t)) {
			if role := g.role[f.PC]; role != noIDs {
				do(&s.Stack(machine.TaskID(t))[i], role)
			}
		}
	}
}
