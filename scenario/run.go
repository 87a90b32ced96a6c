package scenario

import (
	"go.starlark.net/starlark"

	"switchyard/machine"
)

// run is one execution of a scenario.
type run struct {
	file   string
	lines  []string
	opts   Options
	thread *starlark.Thread
	result *Result
	yards  []*yard

	expecting bool // inside expect_violation
	last      *Operation
	lastYard  *yard
}

func (r *run) known(name string) bool {
	_, ok := r.predeclared()[name]
	return ok
}

func (r *run) predeclared() starlark.StringDict {
	releases := make(starlark.Tuple, 0, len(machine.Releases()))
	for _, rel := range machine.Releases() {
		releases = append(releases, starlark.String(rel.String()))
	}
	return starlark.StringDict{
		"machine":          starlark.NewBuiltin("machine", r.machine),
		"expect":           starlark.NewBuiltin("expect", r.expect),
		"expect_eq":        starlark.NewBuiltin("expect_eq", r.expectEq),
		"expect_violation": starlark.NewBuiltin("expect_violation", r.expectViolation),
		"say":              starlark.NewBuiltin("say", r.sayBuiltin),
		"releases":         starlark.NewBuiltin("releases", r.releases),
		"everywhere":       starlark.NewBuiltin("everywhere", r.everywhere),
		"RELEASES":         releases,
	}
}

// line is the line of the scenario that calls.
func (r *run) line(t *starlark.Thread) int { return r.innermost(t.CallStack()) }

// between reads since and until: the releases from since up to, and without, until.
func between(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) ([]machine.Release, error) {
	since, until := machine.Oldest.String(), ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "since?", &since, "until?", &until); err != nil {
		return nil, err
	}
	first, err := machine.ParseRelease(since)
	if err != nil {
		return nil, err
	}
	end := machine.Newest + 1
	if until != "" {
		if end, err = machine.ParseRelease(until); err != nil {
			return nil, err
		}
	}
	var list []machine.Release
	for _, rel := range machine.Releases() {
		if rel >= first && rel < end {
			list = append(list, rel)
		}
	}
	return list, nil
}

func (r *run) releases(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	some, err := between(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	var list []starlark.Value
	for _, rel := range some {
		list = append(list, starlark.String(rel.String()))
	}
	return starlark.NewList(list), nil
}

// everywhere lists each release with each architecture that it runs on here.
func (r *run) everywhere(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	some, err := between(b, args, kwargs)
	if err != nil {
		return nil, err
	}
	var list []starlark.Value
	for _, rel := range some {
		for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
			c := machine.Config{Release: rel, Arch: a, CPUs: 1, Tasks: 1, MMs: 1, ASIDBits: 16}
			if c.Validate() == nil {
				list = append(list, starlark.Tuple{starlark.String(rel.String()), starlark.String(a.String())})
			}
		}
	}
	return starlark.NewList(list), nil
}

func (r *run) sayBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	text := ""
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text); err != nil {
		return nil, err
	}
	r.say(t, text)
	return starlark.None, nil
}
