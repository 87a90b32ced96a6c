package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/machine"
	"switchyard/scenario"
)

// ScenarioJSON is what `switchyard run FILE.star --json` adds to RunJSON.
type ScenarioJSON struct {
	Title        string          `json:"title"`
	Doc          string          `json:"doc"`
	Lines        []scenario.Line `json:"lines"`
	Operations   int             `json:"operations"`
	Expectations int             `json:"expectations"` // that were stated and held
	Error        *ErrorJSON      `json:"error"`        // null where all held
}

// ErrorJSON is what ended a scenario before its end.
type ErrorJSON struct {
	Kind    string `json:"kind"` // expectation, scenario or fault
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	After   string `json:"after"` // the operation, and its last step, that it followed
	State   string `json:"state"`
}

var errorKinds = [...]string{scenario.Failed: "expectation", scenario.Wrong: "scenario", scenario.Fault: "fault"}

func newErrorJSON(err error) *ErrorJSON {
	var e *scenario.Error
	if !errors.As(err, &e) {
		return nil
	}
	return &ErrorJSON{Kind: errorKinds[e.Kind], File: e.File, Line: e.Line, Message: e.Msg, After: e.After, State: e.State}
}

// scenarioRun describes a scenario in the terms of a recording. Several machines count together; the
// last one that was built is the machine that is named.
func scenarioRun(r *scenario.Result, err error) RunJSON {
	run := RunJSON{
		Input: InputJSON{Format: "scenario", File: r.File, Events: uint64(r.Operations), Switches: r.Stats.Switches,
			Exact: r.Stats.Switches},
		Violations: []ViolationJSON{},
		Scenario: &ScenarioJSON{Title: r.Title, Doc: r.Doc, Lines: append([]scenario.Line{}, r.Lines...),
			Operations: r.Operations, Expectations: r.Expectations, Error: newErrorJSON(err)},
	}
	run.setStats(&r.Stats)
	if m := r.Final(); m != nil {
		c := &m.S.Config
		run.Input.CPUs = c.CPUs
		run.Machine = MachineJSON{Release: c.Release.String(), Arch: c.Arch.String(), Options: newOptionsJSON(c)}
	}
	for _, b := range r.Machines {
		for i := range b.Machine.S.MMs {
			mm := &b.Machine.S.MMs[i]
			if machine.MMID(i) == machine.InitMM || mm.Alive == 0 {
				continue
			}
			run.MM.Live++
			run.MM.PeakCount = max(run.MM.PeakCount, mm.Count)
			if mm.Users == 0 {
				run.MM.OutlivedUsers++
			}
		}
	}
	for _, v := range r.Violations {
		if !v.Expected {
			run.Violations = append(run.Violations, ViolationJSON{Rule: v.Rule, CPU: int(v.CPU), Step: v.Step, Detail: v.Detail})
		}
	}
	return run
}

// WriteScenarioJSON prints what a scenario did as one JSON object.
func WriteScenarioJSON(w io.Writer, r *scenario.Result, err error) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(scenarioRun(r, err))
}

// WriteScenario tells a person a scenario: its story, what was said on the way, and whether it held.
func WriteScenario(w io.Writer, r *scenario.Result, err error) error {
	var s sheet
	name := r.Title
	if name == "" {
		name = r.File
	}
	s.line(title.Render(name))
	if doc := strings.TrimSpace(r.Doc); doc != "" {
		s.line()
		for _, l := range strings.Split(doc, "\n") {
			s.line("  ", l)
		}
	}
	if len(r.Lines) > 0 {
		s.line()
	}
	for _, l := range r.Lines {
		s.line("  ", faint.Render(left(fmt.Sprintf("line %d", l.Line), 9)), l.Text)
	}
	s.line()
	s.machines(r.Machines)
	s.entry("happened", fmt.Sprintf("%s, %s", counted(uint64(r.Operations), "operation"), switchesText(r.Stats.Switches)))
	s.entry("result", resultText(r, err))
	_, werr := io.WriteString(w, s.b.String())
	return werr
}

// fewMachines is how many machines are told one by one.
const fewMachines = 4

func (s *sheet) machines(all []scenario.Built) {
	if len(all) > fewMachines {
		var releases, archs []string
		for _, b := range all {
			releases = addNew(releases, b.Machine.S.Config.Release.String())
			archs = addNew(archs, b.Machine.S.Config.Arch.String())
		}
		s.entry("machines", fmt.Sprintf("%d: Linux %s on %s", len(all), strings.Join(releases, ", "), strings.Join(archs, ", ")))
		return
	}
	for _, b := range all {
		text := machineText(&b.Machine.S.Config)
		if b.Variant != "" {
			text += ", broken: " + b.Variant
		}
		s.entry("machine", text)
	}
}

func addNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func switchesText(n uint64) string {
	if n == 1 {
		return "1 switch"
	}
	return number(n) + " switches"
}

func resultText(r *scenario.Result, err error) string {
	held := counted(uint64(r.Expectations), "expectation")
	var e *scenario.Error
	switch {
	case err == nil:
		return good.Render(held + " held, and every rule")
	case errors.As(err, &e) && e.Kind == scenario.Failed:
		return alarm.Render(fmt.Sprintf("line %d does not hold", e.Line)) + faint.Render(", after "+held+" held")
	}
	return alarm.Render("it cannot be run to its end")
}
