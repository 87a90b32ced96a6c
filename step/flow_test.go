package step

import (
	"testing"

	"switchyard/machine"
)

func nIs(n int32) func(*Ctx) bool { return func(c *Ctx) bool { return c.F.N == n } }

func TestIfElseReturn(t *testing.T) {
	var n notes
	r := newRig(t, &n, &Path{Name: "p", Body: Seq{
		n.do("first"),
		If("one", nIs(1), Then(n.do("then")), Else(n.do("else"), n.do("more"))),
		If("two", nIs(2), Then(n.do("leave"), Return()), nil),
		If("three", nIs(3), nil, Else(n.do("not three"))),
		n.do("last"),
	}})
	r.both("p", machine.Frame{N: 1}, "first", "then", "not three", "last")
	r.both("p", machine.Frame{N: 2}, "first", "else", "more", "leave")
	r.both("p", machine.Frame{N: 3}, "first", "else", "more", "last")
}

func TestWhile(t *testing.T) {
	var n notes
	body := Seq{
		While("some left", func(c *Ctx) bool { return c.F.N > 0 }, Seq{
			n.and("turn", func(c *Ctx) { c.F.N-- }),
			If("odd", func(c *Ctx) bool { return c.F.N%2 == 1 }, Then(n.do("odd")), nil),
		}),
		n.do("last"),
	}
	r := newRig(t, &n, &Path{Name: "p", Body: body})
	r.both("p", machine.Frame{}, "last")
	r.both("p", machine.Frame{N: 3}, "turn", "turn", "odd", "turn", "last")
}

func TestManyStepsInARow(t *testing.T) {
	var n notes
	var body Seq
	var want []string
	for range 600 { // longer than a run that the program counts in a byte
		body = append(body, n.do("s"))
		want = append(want, "s")
	}
	r := newRig(t, &n, &Path{Name: "p", Body: body}, &Path{Name: "q", Body: Seq{Call("p"), n.do("after")}})
	r.both("p", machine.Frame{}, want...)
	r.both("q", machine.Frame{}, append(want, "after")...)
}

func TestCalls(t *testing.T) {
	var n notes
	var got []int32
	see := n.and("see", func(c *Ctx) { got = append(got, c.F.N) })
	change := n.and("change", func(c *Ctx) { c.F.N = 9 })
	r := newRig(t, &n,
		&Path{Name: "copies", Body: Seq{Call("callee"), see}},
		&Path{Name: "binds", Body: Seq{Call("callee").With(func(f, callee *machine.Frame) { callee.N = f.N + 1 }), see}},
		&Path{Name: "takes", Body: Seq{Call("callee").Returning(func(f, callee *machine.Frame) { f.N = callee.N + 100 }), see}},
		&Path{Name: "early", Body: Seq{Call("returns").Returning(func(f, callee *machine.Frame) { f.N = callee.N + 100 }), see}},
		&Path{Name: "empties", Body: Seq{
			Call("empty").With(func(_, callee *machine.Frame) { callee.N = 70 }),
			Call("empty").With(func(_, callee *machine.Frame) { callee.N = 8 }).Returning(func(f, callee *machine.Frame) { f.N += callee.N }),
			Call("nested"), see}},
		&Path{Name: "callee", Body: Seq{see, change}},
		&Path{Name: "returns", Body: Seq{change, If("always", nIs(9), Then(Return()), nil), see}},
		&Path{Name: "empty"},
		&Path{Name: "nested", Body: Seq{Call("empty")}},
	)
	for _, tt := range []struct {
		path string
		ran  []string
		seen []int32
	}{
		{"copies", []string{"see", "change", "see"}, []int32{5, 5}},
		{"binds", []string{"see", "change", "see"}, []int32{6, 5}},
		{"takes", []string{"see", "change", "see"}, []int32{5, 109}},
		{"early", []string{"change", "see"}, []int32{109}},
		{"empties", []string{"see"}, []int32{13}},
		{"callee", []string{"see", "change"}, []int32{5}}, // its results are taken elsewhere, not here
	} {
		got = nil
		r.both(tt.path, machine.Frame{N: 5}, tt.ran...)
		for i, v := range append(tt.seen, tt.seen...) {
			if i >= len(got) || got[i] != v {
				t.Errorf("%s: N was %v, want %v twice", tt.path, got, tt.seen)
				break
			}
		}
	}
}

// An interrupt comes right behind a call with results: its frame is not that call's.
func TestHandlerBehindACallWithResults(t *testing.T) {
	var n notes
	r := newRig(t, &n,
		&Path{Name: "p", Body: Seq{
			Call("callee").Returning(func(f, callee *machine.Frame) { f.N += callee.N }),
			n.do("after")}},
		&Path{Name: "callee", Body: Seq{n.and("one", func(c *Ctx) { c.F.N = 1 })}},
		&Path{Name: "irq", Handler: true, Body: Seq{n.and("irq", func(c *Ctx) { c.F.N = 1000 }), Call("callee")}},
	)
	r.Begin(0, "p", machine.Frame{N: 5})
	r.Step(0, 0)
	r.Begin(0, "irq", machine.Frame{})
	if in := r.Next(0); in.Label != "irq" {
		t.Fatalf("next is %s", in.Label)
	}
	stepped := NewExec(r.Prog, r.S.Clone())
	for stepped.Next(0).Label != "after" {
		stepped.Step(0, 0)
	}
	if got := stepped.S.Top(0).N; got != 6 {
		t.Errorf("after the interrupt N is %d, want 6", got)
	}
	r.Run(0)
	r.wantRan("in all", []string{"one", "irq", "one", "irq", "one", "after"})
}

// switch_to: what runs next is what the other stack says.
func TestSwitchMovesToAnotherStack(t *testing.T) {
	var n notes
	r := newRig(t, &n,
		&Path{Name: "p", Body: Seq{
			n.do("before"),
			Call("switch"),
			n.do("back"),
		}},
		&Path{Name: "switch", Body: Seq{
			Switch("switch_to", "", func(c *Ctx) { c.StandOn(c.F.Next) }),
			n.do("arrived"),
		}},
		&Path{Name: "q", Body: Seq{n.do("other"), n.do("other 2")}},
		&Path{Name: "prime", Body: Seq{n.and("prime", func(c *Ctx) { c.Prime(c.F.Next, "q") })}},
	)
	r.both("prime", machine.Frame{Next: 2}, "prime")
	r.both("p", machine.Frame{Next: 2}, "before", "other", "other 2")
	if got := len(r.S.Stack(0)); got != 2 {
		t.Fatalf("%d frames are left on the stack that was left", got)
	}
	r.S.CPUs[0].Stack = 3
	r.S.CPUs[1].Stack = 2
	r.both("p", machine.Frame{Next: 0}, "before", "arrived", "back")
}

func TestOnlySwitchMovesTheStack(t *testing.T) {
	var n notes
	r := newRig(t, &n, &Path{Name: "p", Body: Seq{n.and("hidden", func(c *Ctx) { c.StandOn(1) })}})
	r.Begin(0, "p", machine.Frame{})
	defer func() {
		if recover() == nil {
			t.Error("a Do step moved the stack, and nobody noticed")
		}
	}()
	r.Run(0)
}
