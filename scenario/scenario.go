package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// Options are what a caller may want of a run beyond its result.
type Options struct {
	// Override changes the machines that the scenario asks for, as command-line flags do.
	Override func(*machine.Config) error
	// Observer is told of machines, operations and steps as they happen.
	Observer Observer
	// Mutate spoils the program of every machine that is built, to see whether anybody notices.
	Mutate func(*step.Program) (*step.Program, error)
}

// Line is one line of narration, and where in the file it was said.
type Line struct {
	Line     int    `json:"line"`
	Switches int    `json:"switches"` // how many switches had happened
	Text     string `json:"text"`
}

// Violation is a rule that did not hold, and the operation after which that was found.
type Violation struct {
	step.Violation
	Line      int
	Operation string
	Expected  bool // inside expect_violation
}

// Built is a machine that the scenario built, as it was at the end.
type Built struct {
	Machine *kernel.Machine
	Names   Names
	Variant string // the variation that it was built with, if any
}

// Result is what a scenario did.
type Result struct {
	File  string
	Title string // the first line of the file's docstring
	Doc   string // the rest of it
	Lines []Line

	Operations   int // what the scenario made happen
	Switches     int
	Expectations int // what it stated and what held
	Violations   []Violation
	Stats        machine.Stats // of all machines together
	Machines     []Built
}

// Final is the machine that was built last, or nil.
func (r *Result) Final() *kernel.Machine {
	if len(r.Machines) == 0 {
		return nil
	}
	return r.Machines[len(r.Machines)-1].Machine
}

var dialect = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}

// Run runs the scenario src, whose name is file. What was done until an error comes back with it. The
// error is an *Error.
func Run(file string, src []byte, opts Options) (res *Result, err error) {
	r := &run{file: file, lines: strings.Split(string(src), "\n"), opts: opts, result: &Result{File: file}}
	defer func() {
		if p := recover(); p != nil {
			err = r.fault(p)
		}
		r.finish()
		res = r.result
	}()
	f, parseErr := parse(file, src)
	if parseErr != nil {
		return r.result, parseErr
	}
	r.result.Title, r.result.Doc = story(f)
	prog, compileErr := starlark.FileProgram(f, r.known)
	if compileErr != nil {
		return r.result, wrongSyntax(file, compileErr)
	}
	r.thread = &starlark.Thread{Name: file, Print: func(t *starlark.Thread, msg string) { r.say(t, msg) }, Load: noLoad}
	limit(r.thread)
	_, runErr := prog.Init(r.thread, r.predeclared())
	return r.result, r.explain(runErr)
}

func noLoad(*starlark.Thread, string) (starlark.StringDict, error) {
	return nil, fmt.Errorf("a scenario is one file: it cannot load others")
}

func parse(file string, src []byte) (*syntax.File, error) {
	if len(src) > maxSource {
		return nil, &Error{Kind: Wrong, File: file, Line: 1, Msg: fmt.Sprintf("the file has %d bytes: a scenario may have %d", len(src), maxSource)}
	}
	if line := tooDeep(src); line > 0 {
		return nil, &Error{Kind: Wrong, File: file, Line: line, Msg: fmt.Sprintf("brackets are nested more than %d deep", maxNesting)}
	}
	f, err := dialect.Parse(file, src, 0)
	if err != nil {
		return nil, wrongSyntax(file, err)
	}
	return f, nil
}

// finish adds up what all machines did.
func (r *run) finish() {
	for _, y := range r.yards {
		r.result.Machines = append(r.result.Machines, Built{Machine: y.m, Names: y, Variant: y.variant})
		addStats(&r.result.Stats, &y.m.Stats)
	}
}
