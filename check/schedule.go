package check

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"switchyard/machine"
)

// Schedule is a way to a violation as a file: what was built, and which of the possible actions was taken
// in each state. docs/check.md documents it.
type Schedule struct {
	Format  string   `json:"format"` // ScheduleFormat
	Model   string   `json:"model"`
	Release string   `json:"release"`
	Arch    string   `json:"arch"`
	Lazy    string   `json:"lazy"`
	Break   string   `json:"break,omitempty"`
	Size    Size     `json:"size"`
	Actions []string `json:"actions"`
	Options []string `json:"options,omitempty"`
	Reduced bool     `json:"reduced"`
	Taken   []int    `json:"taken"`
	Loops   int      `json:"loops,omitempty"` // how many of the last actions repeat for ever
	Rule    string   `json:"rule"`
}

// ScheduleFormat is what a schedule file says that it is.
const ScheduleFormat = "switchyard check schedule 1"

// ScheduleOf writes down a trail through a model that was built.
func ScheduleOf(m *Model, s *Setup, w *World, t *Trail) *Schedule {
	c := &w.config
	return &Schedule{Format: ScheduleFormat, Model: m.Name, Release: c.Release.String(), Arch: c.Arch.String(), Lazy: c.Lazy.String(), Break: s.Break,
		Size: s.Size.Or(m.Size), Actions: m.actionsOf(s, c), Options: s.Options, Reduced: !s.NoReduction, Taken: t.Actions, Loops: t.Loops, Rule: t.Broken.Rule}
}

// Write writes the schedule as JSON.
func (s *Schedule) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// ReadSchedule reads what Write wrote.
func ReadSchedule(r io.Reader) (*Schedule, error) {
	var s Schedule
	if err := json.NewDecoder(r).Decode(&s); err != nil {
		return nil, fmt.Errorf("not a schedule of switchyard check: %w", err)
	}
	if s.Format != ScheduleFormat {
		return nil, fmt.Errorf("not a schedule of switchyard check: format is %q, want %q", s.Format, ScheduleFormat)
	}
	return &s, nil
}

// Replay builds what the schedule was found on and goes its way. It returns the trail, whose Broken is what
// was found at its end; the rule is empty where nothing was.
func (s *Schedule) Replay() (*World, *Trail, error) {
	m, err := FindModel(s.Model)
	if err != nil {
		return nil, nil, err
	}
	setup := Setup{Break: s.Break, Size: s.Size, Actions: s.Actions, Options: s.Options, NoReduction: !s.Reduced}
	if setup.Release, err = machine.ParseRelease(s.Release); err != nil {
		return nil, nil, err
	}
	a, err := machine.ParseArch(s.Arch)
	if err != nil {
		return nil, nil, err
	}
	setup.Arch = &a
	if setup.Lazy, err = machine.ParseLazyMode(s.Lazy); err != nil {
		return nil, nil, err
	}
	w, err := m.Build(setup)
	if err != nil {
		return nil, nil, err
	}
	t, err := w.follow(s.Taken)
	if err == nil && t.Broken.Rule == "" && isObligation(s.Rule) {
		err = w.stays(t, s.Loops)
	}
	return w, t, err
}

// stays looks whether a way ends where the system stays for ever: where nothing leads on, or where the last
// actions lead back to where they began; and whether something is owed all that time.
func (w *world) stays(t *Trail, loops int) error {
	k := w.walker()
	n := len(t.Actions)
	if loops < 0 || loops > n {
		return fmt.Errorf("the schedule does not fit: %d of its %d steps repeat", loops, n)
	}
	var all []Broken
	for i := n - loops; i <= n; i++ {
		k.Load(func(p int) []byte { return t.states[i][p] }, nil)
		own := false
		for a := range k.Actions() {
			own = own || k.Own(a) != Asked
		}
		if k.Owes() == nil || loops == 0 && own {
			return nil // it goes on from here
		}
		all = common(all, k.Stuck(), i == n-loops)
	}
	for p := range t.states[n] {
		if !slices.Equal(t.states[n-loops][p], t.states[n][p]) {
			return nil
		}
	}
	t.Broken, t.Loops = told(all, loops), loops
	return nil
}

// follow takes actions one after another from where the world begins.
func (w *world) follow(taken []int) (*Trail, error) {
	k := w.walker()
	k.Begin(0)
	t := &Trail{Actions: taken, system: w}
	for i, a := range taken {
		var pieces [][]byte
		for p := range w.Pieces() {
			pieces = append(pieces, k.Append(nil, p))
		}
		t.states = append(t.states, pieces)
		k.Load(func(p int) []byte { return pieces[p] }, nil)
		if n := k.Actions(); a < 0 || a >= n {
			return nil, fmt.Errorf("the schedule does not fit: its step %d takes action %d of %d", i+1, a, n)
		}
		b := k.Do(a)
		if b == nil && i+1 == len(taken) {
			b = k.Check()
		}
		if b != nil {
			if i+1 < len(taken) {
				return nil, fmt.Errorf("the schedule does not fit: rule %s is broken after %d of %d steps", b.Rule, i+1, len(taken))
			}
			t.Broken = *b
		}
	}
	var end [][]byte
	for p := range w.Pieces() {
		end = append(end, k.Append(nil, p))
	}
	t.states = append(t.states, end)
	return t, nil
}
