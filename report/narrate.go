package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// ToldStep is one step as it happened, as `switchyard explain --json` prints it.
type ToldStep struct {
	CPU     int          `json:"cpu"`
	Task    string       `json:"task"` // on whose kernel stack the step ran
	Path    string       `json:"path"`
	Depth   int          `json:"depth"` // frames below the one that ran it
	Step    string       `json:"step"`
	Why     string       `json:"why"`
	Ours    bool         `json:"ours,omitempty"` // no kernel symbol stands behind the label
	Changes []ToldChange `json:"changes"`
}

// ToldChange is one field that a step changed.
type ToldChange struct {
	What   string `json:"what"` // in the kernel's words
	Before string `json:"before"`
	After  string `json:"after"`
}

// ToldSwitch is one switch, step by step.
type ToldSwitch struct {
	Number uint64     `json:"number"` // from 1
	CPU    int        `json:"cpu"`
	TimeNS uint64     `json:"time_ns"` // of the recording; 0 in a scenario
	Prev   string     `json:"prev"`
	Next   string     `json:"next"`
	Where  string     `json:"where,omitempty"` // what made it happen, as in file:line
	Steps  []ToldStep `json:"steps"`
}

// Narrator writes down every step of a machine: it is a step.Watcher.
type Narrator struct {
	Steps []ToldStep

	m      *kernel.Machine
	names  machine.Namer
	before *machine.State
	step   ToldStep
}

// NewNarrator tells of m's steps, with the caller's names for tasks and address spaces.
func NewNarrator(m *kernel.Machine, names machine.Namer) *Narrator {
	return &Narrator{m: m, names: names, before: m.S.Clone()}
}

// Current names the task that runs on cpu.
func (n *Narrator) Current(cpu machine.CPUID) string {
	return n.names.TaskName(n.m.S.CPUs[cpu].Curr)
}

func (n *Narrator) Before(cpu machine.CPUID, in *step.Instr) {
	s := n.m.S
	n.before.CopyFrom(s)
	stack := s.CPUs[cpu].Stack
	n.step = ToldStep{CPU: int(cpu), Task: n.names.TaskName(stack), Path: in.Path.Name, Depth: int(s.Tasks[stack].Depth) - 1,
		Step: in.Label, Why: in.Why, Ours: in.Ours, Changes: []ToldChange{}}
}

func (n *Narrator) After(_ machine.CPUID, _ *step.Instr) {
	machine.Diff(n.before, n.m.S, func(c machine.Change) {
		if bookkeeping(c) || popped(n.m.S, c) {
			return
		}
		what, before, after := c.Parts(n.names)
		before, after = withAddresses(n.m, n.names, c, before, after)
		n.step.Changes = append(n.step.Changes, ToldChange{what, before, after})
	})
	n.Steps = append(n.Steps, n.step)
}

// popped is what only went away with its frame.
func popped(s *machine.State, c machine.Change) bool {
	return c.Place.Kind == machine.OfStack && c.Place.Frame >= int(s.Tasks[c.Place.Index].Depth)
}

// bookkeeping is what the machine needs to run and the kernel has no word for.
func bookkeeping(c machine.Change) bool {
	if c.Place.Kind == machine.OfStack {
		return c.Field != "prev"
	}
	if c.Field == "pc" {
		return c.After.(uint64) == c.Before.(uint64)+4 // the next instruction
	}
	return slices.Contains([]string{"next pick", "barrier since user access", "barrier since rq->curr", "in context_switch", "stack depth",
		"user x0-x30", "user v0-v31", "user tpidr_el0", "locals"}, c.Field)
}

// WriteSwitch tells a switch: each step with its why, and below it what it changed.
func WriteSwitch(w io.Writer, s *ToldSwitch) error {
	fmt.Fprintf(w, "switch %d on cpu %d: %s → %s", s.Number, s.CPU, s.Prev, s.Next)
	if s.Where != "" {
		fmt.Fprintf(w, "   (%s)", s.Where)
	}
	if s.TimeNS != 0 {
		fmt.Fprintf(w, "   at %d.%09d s", s.TimeNS/1e9, s.TimeNS%1e9)
	}
	fmt.Fprintln(w)
	return WriteSteps(w, s.Steps)
}

// WriteSteps tells steps in order, with a heading wherever another path or another CPU goes on.
func WriteSteps(w io.Writer, steps []ToldStep) error {
	width := 0
	for _, s := range steps {
		width = max(width, lipgloss.Width(s.Step)+2*s.Depth)
	}
	var last ToldStep
	for i, s := range steps {
		if i == 0 || s.Path != last.Path || s.CPU != last.CPU || s.Task != last.Task || s.Depth != last.Depth {
			fmt.Fprintf(w, "  %s%s   [cpu %d, on the stack of %s]\n", strings.Repeat("  ", s.Depth), s.Path, s.CPU, s.Task)
		}
		last = s
		indent := strings.Repeat("  ", s.Depth)
		fmt.Fprintf(w, "    %s   %s\n", left(indent+s.Step, width), s.Why)
		for _, c := range s.Changes {
			if _, err := fmt.Fprintf(w, "    %s    %s: %s → %s\n", indent, c.What, c.Before, c.After); err != nil {
				return err
			}
		}
	}
	return nil
}
