package scenario

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Kind tells what is to blame for an error.
type Kind int

const (
	Failed Kind = iota // an expectation or a rule does not hold
	Wrong              // the scenario itself
	Fault              // Switchyard
)

// Error says what ended a scenario before its end.
type Error struct {
	Kind  Kind
	File  string
	Line  int
	Msg   string
	After string // the operation, and the last step, that a failed expectation followed
	State string // the machine at that moment, for a person
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s", e.File, e.Line, e.Msg)
	if e.After != "" {
		fmt.Fprintf(&b, "\n  after %s", e.After)
	}
	if e.State != "" {
		fmt.Fprintf(&b, "\n%s", strings.TrimRight(e.State, "\n"))
	}
	return b.String()
}

// ExitCode is what a command that ran the scenario ends with: 1 where something does not hold, 2 where
// the scenario cannot be run.
func (e *Error) ExitCode() int {
	if e.Kind == Failed {
		return 1
	}
	return 2
}

func wrongSyntax(file string, err error) *Error {
	e := &Error{Kind: Wrong, File: file, Line: 1, Msg: err.Error()}
	var syn syntax.Error
	var res resolve.ErrorList
	switch {
	case errors.As(err, &syn):
		e.Line, e.Msg = int(syn.Pos.Line), syn.Msg
	case errors.As(err, &res) && len(res) > 0:
		e.Line, e.Msg = int(res[0].Pos.Line), res[0].Msg
	}
	if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
		e.Msg = fmt.Sprintf("there is no name %s here: a scenario begins with m = machine(…), and what is known is in docs/scenarios.md", name)
	}
	return e
}

// explain turns what Starlark reports into an Error.
func (r *run) explain(err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Kind: Wrong, File: r.file, Line: 1, Msg: err.Error()}
	var ev *starlark.EvalError
	if errors.As(err, &ev) {
		e.Msg = ev.Msg
		e.Line = r.innermost(ev.CallStack)
	}
	e.Msg = strings.TrimPrefix(e.Msg, "Starlark computation cancelled: ")
	if strings.Contains(e.Msg, "unexpected keyword argument") {
		e.Msg += ": docs/scenarios.md lists those that there are"
	}
	if strings.HasPrefix(e.Msg, "NoneType has no .") {
		e.Msg += ": it is None, which is what a pointer that is NULL shows as (a task that has exited has no mm: keep mm = a.mm before)"
	}
	return e
}

// innermost finds the line of the scenario that was being run.
func (r *run) innermost(stack starlark.CallStack) int {
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i].Pos.Filename() == r.file && stack[i].Pos.Line > 0 {
			return int(stack[i].Pos.Line)
		}
	}
	return 1
}

// fault reports a panic of ours as what it is.
func (r *run) fault(p any) error {
	line := 1
	if r.thread != nil {
		line = r.innermost(r.thread.CallStack())
	}
	return &Error{Kind: Fault, File: r.file, Line: line, Msg: fmt.Sprintf("this is a fault of Switchyard, not of the scenario: %v", p), State: string(debug.Stack())}
}
