package scenario

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// attrs is what a kind of value offers: fields that are looked at and methods that are called.
type attrs[T any] struct {
	fields  map[string]func(T) starlark.Value
	methods map[string]func(v T, t *starlark.Thread, a call) (starlark.Value, error)
}

// call is a method call: its arguments, and the words for messages and the story.
type call struct {
	name   string // as in "m.switch"
	args   starlark.Tuple
	kwargs []starlark.Tuple
}

func (c call) unpack(pairs ...any) error {
	return starlark.UnpackArgs(c.name, c.args, c.kwargs, pairs...)
}

// text writes the call as the scenario did.
func (c call) text() string {
	s := c.name + "("
	for i, a := range c.args {
		if i > 0 {
			s += ", "
		}
		s += argument(a)
	}
	for i, kv := range c.kwargs {
		if i > 0 || len(c.args) > 0 {
			s += ", "
		}
		s += string(kv[0].(starlark.String)) + " = " + argument(kv[1])
	}
	return s + ")"
}

func argument(v starlark.Value) string {
	switch v := v.(type) {
	case *task:
		return v.name
	case mmValue:
		return v.String()
	case starlark.String, starlark.Int, starlark.Bool, starlark.NoneType:
		return shorten(v.String())
	}
	return v.Type()
}

func (a *attrs[T]) attr(v T, of, name string) (starlark.Value, error) {
	if f, ok := a.fields[name]; ok {
		return f(v), nil
	}
	f, ok := a.methods[name]
	if !ok {
		return nil, starlark.NoSuchAttrError(fmt.Sprintf("%s has no .%s: it has %s", of, name, strings.Join(a.names(), ", ")))
	}
	full := of + "." + name
	return starlark.NewBuiltin(full, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return f(v, t, call{full, args, kwargs})
	}), nil
}

func (a *attrs[T]) names() []string {
	var all []string
	for n := range a.fields {
		all = append(all, n)
	}
	for n := range a.methods {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func unhashable(kind string) (uint32, error) { return 0, fmt.Errorf("unhashable: %s", kind) }
