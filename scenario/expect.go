package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"switchyard/invariant"
)

func (r *run) expect(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var cond starlark.Value
	why := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "cond", &cond, "why?", &why); err != nil {
		return nil, err
	}
	if !bool(cond.Truth()) {
		return nil, r.failed(t, "expected: "+r.orLine(t, why))
	}
	r.result.Expectations++
	return starlark.None, nil
}

// orLine is why, or the line itself where it gives no reason.
func (r *run) orLine(t *starlark.Thread, why string) string {
	if n := r.line(t); why == "" && n <= len(r.lines) {
		return strings.TrimSpace(r.lines[n-1])
	}
	return why
}

func (r *run) expectEq(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	why := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want, "why?", &why); err != nil {
		return nil, err
	}
	equal, err := starlark.Equal(got, want)
	if err != nil {
		return nil, err
	}
	if !equal {
		return nil, r.failed(t, fmt.Sprintf("expected: %s: got %s, want %s", r.orLine(t, why), shorten(got.String()), shorten(want.String())))
	}
	r.result.Expectations++
	return starlark.None, nil
}

// failed is an expectation that does not hold: what it followed, and the state.
func (r *run) failed(t *starlark.Thread, msg string) *Error {
	e := &Error{Kind: Failed, File: r.file, Line: r.line(t), Msg: msg}
	if r.last != nil {
		e.After = r.last.describe()
	}
	if r.lastYard != nil {
		e.State = r.lastYard.dump()
	}
	return e
}

// brokenRule ends the function of an expect_violation at the first operation that breaks a rule.
type brokenRule struct{ found []Violation }

func (e *brokenRule) Error() string { return "a rule was broken: " + ruleNames(e.found) }

func ruleNames(found []Violation) string {
	var names []string
	for _, v := range found {
		if !slices.Contains(names, v.Rule) {
			names = append(names, v.Rule)
		}
	}
	return strings.Join(names, " and ")
}

// stuck is the name that expect_violation takes for a machine in which nobody can go on.
const stuck = "stuck"

// expectViolation runs fn, which must break just the named rule; then every machine is put back to
// what it was.
func (r *run) expectViolation(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	rule := ""
	var fn starlark.Callable
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "rule", &rule, "fn", &fn); err != nil {
		return nil, err
	}
	if !invariant.Known(rule) && rule != stuck {
		return nil, fmt.Errorf("there is no rule %q: they are I1 to I32, and %q for a machine in which nobody can go on", rule, stuck)
	}
	if r.expecting {
		return nil, fmt.Errorf("expect_violation inside expect_violation")
	}
	r.expecting = true
	saved := r.save()
	_, err := starlark.Call(t, fn, nil, nil)
	r.expecting = false
	found := new(brokenRule)
	switch {
	case err == nil:
		e := r.failed(t, fmt.Sprintf("expected %s to be broken: every rule held", rule))
		r.restore(saved)
		return nil, e
	case !errors.As(err, &found):
		return nil, err
	case ruleNames(found.found) != rule:
		e := r.failed(t, fmt.Sprintf("expected %s to be broken and nothing else: %s", rule, describeViolations(found.found)))
		return nil, e
	}
	r.restore(saved)
	r.result.Violations = append(r.result.Violations, found.found...)
	r.result.Expectations++
	return starlark.None, nil
}

func describeViolations(found []Violation) string {
	var lines []string
	for _, v := range found {
		where := ""
		if v.Path != "" {
			where = fmt.Sprintf(" (%s, at %s)", v.Path, v.Step)
		}
		line := fmt.Sprintf("%s is broken: %s%s", v.Rule, v.Detail, where)
		if v.CPU >= 0 {
			line = fmt.Sprintf("%s on cpu %d", line, v.CPU)
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
