package check

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
)

// Break is a model with one thing wrong in its paths: a bug that Linux had, or one that a port could have.
type Break struct {
	Name     string `json:"name"`
	Model    string `json:"model"`
	Release  string `json:"release"` // where it is looked for unless another one is asked for: the newest that it fits
	Sentence string `json:"sentence"`

	variation string // the paths call it
	release   machine.Release
	arch      *machine.Arch
	lazy      machine.LazyMode
	size      Size
	options   []string
	actions   []string
}

// aliases are the names under which variations of the ports are known here, by what is wrong with them.
var aliases = map[string]string{
	"x86-mask-before-cr3":          "x86-mask-cleared-before-cr3",
	"x86-generation-before-mask":   "x86-mask-without-barrier",
	"x86-lazy-keeps-freed-tables":  "x86-lazy-keeps-cr3-on-freed-tables",
	"x86-switching-after-mask":     "x86-should-flush-order",
	"x86-no-barrier-for-kept-bit":  "x86-lazy-mask-without-barrier",
	"x86-range-skips-generation":   "x86-ranged-flush-skips-generation",
	"arm64-xchg-fast-path":         "asid-xchg-fast-path",
	"arm64-first-reserved-only":    "asid-reserved-first-match-only",
	"arm64-no-reserved":            "asid-no-reserved",
	"arm64-flush-at-rollover":      "asid-flush-before-switch",
	"arm64-root-before-asid":       "asid-root-before-asid",
	"arm64-shared-root-kept":       "asid-shared-root-kept",
	"arm64-stale-tlbi":             "asid-tlbi-stale-asid",
	"arm64-generation-in-hardware": "asid-generation-in-hardware-bits",
	"arm64-fp-by-cpu-alone":        "fpsimd-cpu-only",
	"arm64-fp-by-last-state-alone": "fpsimd-last-state-only",
	"arm64-fp-stale-owner":         "fpsimd-recycled-task",
}

// needs are machines other than the model's own that a break wants.
var needs = map[string]struct {
	arch    *machine.Arch
	lazy    machine.LazyMode
	size    Size
	options []string
	actions []string
}{
	// Only where nobody counts borrowers an interrupt takes a loan away.
	"exec-with-interrupts-on": {lazy: machine.LazyShootdown},
	// Another address space must be loaded in between.
	"x86-mask-before-cr3": {size: Size{MMs: 2, Changes: 1}, actions: []string{"preempt", "exec", "munmap", "free-tables", "speculate"}},
	// A second process flushes on the CPU of the first.
	"x86-flush-info-per-cpu": {size: Size{MMs: 2, Changes: 1}, actions: []string{"preempt", "exec", "munmap", "speculate"}},
	// It takes no more than this, and what does not matter makes many states.
	"on-cpu-cleared-early":   {actions: []string{"wake"}},
	"prev-state-read-late":   {actions: []string{"wake", "exit"}},
	"prev-state-before-lock": {actions: []string{"wake"}},
	"wake-list-emptied-late": {actions: []string{"wake"}},
	// The last ASID has been given out, so a rollover is near, and exec uses one up with no task more.
	"arm64-stale-tlbi":             {size: Size{Tasks: 3, MMs: 3, Generations: 3}, options: []string{"used-up"}, actions: []string{"preempt", "exec", "munmap"}},
	"arm64-first-reserved-only":    {size: Size{Tasks: 3, MMs: 3, Generations: 4}, options: []string{"used-up"}, actions: []string{"preempt", "exec"}},
	"arm64-flush-at-rollover":      {size: Size{Tasks: 4, MMs: 4, Generations: 3}, options: []string{"used-up"}, actions: []string{"preempt", "exec", "speculate"}},
	"arm64-shared-root-kept":       {size: Size{Tasks: 4, MMs: 4, Generations: 3}, options: []string{"used-up", "cnp"}, actions: []string{"preempt", "exec"}},
	"arm64-generation-in-hardware": {size: Size{Tasks: 4, MMs: 4, Generations: 2}, options: []string{"used-up", "wide-asid"}, actions: []string{"preempt", "exec"}},
	"x86-user-pcid-forgotten":      {options: []string{"pti"}},
	"arm64-fp-stale-owner":         {actions: []string{"preempt", "syscall", "thread", "exit"}},
	// Elsewhere another barrier, or the order of stores, stands in.
	"membarrier-exit-mm":        {arch: on(machine.ARM64)},
	"membarrier-kthread-use-mm": {arch: on(machine.ARM64), size: Size{Tasks: 3, MMs: 1}, actions: []string{"sleep", "use", "membarrier"}},
	"membarrier-lazy-same-mm":   {arch: on(machine.Classic)},
}

func on(a machine.Arch) *machine.Arch { return &a }

// wakeups are the variations that the wakeup model looks for.
var wakeups = []string{"on-cpu-cleared-early", "prev-state-read-late", "prev-state-before-lock", "wake-list-emptied-late", "move-locks-in-other-order",
	"wakeup-moves-unlocked"}

// modelOf says which model looks for a variation, where that does not follow from its architecture.
func modelOf(variation string, of machine.Arch) string {
	switch {
	case strings.HasPrefix(variation, "membarrier"):
		return "membarrier"
	case strings.HasPrefix(variation, "kpti-"):
		return "kpti"
	case strings.HasPrefix(variation, "arm64-fp-"), strings.HasPrefix(variation, "fpsimd-"):
		return "fpsimd"
	case of == machine.X86:
		return "x86-tlb"
	case of == machine.ARM64:
		return "asid"
	case slices.Contains(wakeups, variation):
		return "wakeup"
	}
	return "context-switch"
}

// Breaks lists all breaks that some model looks for.
func Breaks() []Break {
	var all []Break
	seen := map[string]bool{}
	for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
		for _, v := range kernel.VariationsOf(arch.Port(a)) {
			model, err := FindModel(modelOf(v.Name, a))
			if err != nil || seen[v.Name] || model.Arch != a && !strings.HasPrefix(v.Name, "membarrier") {
				continue
			}
			if b, ok := newBreak(v.Name, model); ok {
				seen[v.Name] = true
				all = append(all, b)
			}
		}
	}
	slices.SortFunc(all, func(a, b Break) int { return strings.Compare(a.Model+" "+a.Name, b.Model+" "+b.Name) })
	return all
}

// newBreak finds the newest release in which a variation of that name fits the model.
func newBreak(variation string, m *Model) (Break, bool) {
	for _, rel := range slices.Backward(machine.Releases()) {
		s := Setup{Release: rel, Arch: needs[variation].arch, Lazy: needs[variation].lazy, Options: needs[variation].options, Size: needs[variation].size}
		c, err := m.Config(&s)
		if err != nil || rel < m.Since {
			continue
		}
		v, err := kernel.FindVariation(variation, &c, arch.Port(c.Arch))
		if err != nil {
			continue
		}
		b := Break{Name: variation, Model: m.Name, Release: rel.String(), Sentence: v.What, variation: variation, release: rel,
			arch: s.Arch, lazy: s.Lazy, size: s.Size, options: s.Options, actions: needs[variation].actions}
		if alias, ok := aliases[variation]; ok {
			b.Name = alias
		}
		return b, true
	}
	return Break{}, false
}

// FindBreak finds a break by its name, or by that of its variation.
func FindBreak(name string) (Break, error) {
	all := Breaks()
	for _, b := range all {
		if b.Name == name || b.variation == name {
			return b, nil
		}
	}
	return Break{}, fmt.Errorf("unknown break %q: switchyard check --list-breaks lists %d of them", name, len(all))
}

// Apply makes a setup that of the break, as far as it does not say otherwise itself.
func (b *Break) Apply(s *Setup, releaseGiven bool) {
	s.Break = b.variation
	if !releaseGiven {
		s.Release = b.release
	}
	if s.Arch == nil {
		s.Arch = b.arch
	}
	if s.Lazy == machine.LazyRefcount {
		s.Lazy = b.lazy
	}
	s.Size = s.Size.Or(b.size)
	s.Options = append(s.Options, b.options...)
	if s.Actions == nil {
		s.Actions = b.actions
	}
}
