package step

import (
	"testing"

	"switchyard/machine"
)

// declared links a body on a release and returns what its lines declare.
func declared(t *testing.T, r machine.Release, body Seq) map[string]Touch {
	t.Helper()
	c := testConfig
	c.Release = r
	p, err := Link(&c, []*Path{{Name: "p", Body: body}, {Name: "q", Body: Seq{Do("inner", "", func(*Ctx) {})}}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Touch{}
	for pc := range uint32(p.Len()) {
		all[p.At(pc).Label] = p.At(pc).Touches
	}
	return all
}

func TestTouches(t *testing.T) {
	nop := func(*Ctx) {}
	body := Seq{
		Do("silent", "", nop),
		Ours("own", "", nop).Touches(OwnTask),
		Wait("besides", "", func(*Ctx) bool { return true }, nop).Touches(Held, SeenByWakers, StoreBuffer),
		Do("later", "", nop).TouchesSince(machine.V5_0, OwnCPU, LeftBuffers),
		Call("q").Touches(OwnTask),
		If("condition", func(*Ctx) bool { return true }, Then(Do("deep", "", nop).Touches(OwnCPU)), nil).Touches(OwnTask),
	}
	always := map[string]Touch{"silent": Anything, "own": OwnTask, "besides": Held | SeenByWakers | StoreBuffer,
		"q": Anything, "inner": Anything, "condition": Anything, "deep": OwnCPU, "return": Anything}
	for _, r := range machine.Releases() {
		want := Anything
		if r >= machine.V5_0 {
			want = OwnCPU | LeftBuffers
		}
		got := declared(t, r, body)
		if got["later"] != want {
			t.Errorf("%s: later declares %b, want %b", r, got["later"], want)
		}
		for label, want := range always {
			if got[label] != want {
				t.Errorf("%s: %s declares %b, want %b", r, label, got[label], want)
			}
		}
	}
}

func TestReach(t *testing.T) {
	besides := []Touch{SeenByWakers, SeenByMembarrier, StoreBuffer, LeftBuffers}
	for _, r := range []Touch{Anything, Held, OwnCPU, OwnTask} {
		for i, b := range besides {
			if got := (r | b).Reach(); got != r {
				t.Errorf("the reach of %b and %b is %b", r, b, got)
			}
			if !(r | b).Also(b) || (r | b).Also(besides[(i+1)%len(besides)]) {
				t.Errorf("what %b touches besides is not %b", r|b, b)
			}
		}
	}
}

// What a variation leaves of a step keeps the step's declaration, and a step that is moved takes it along.
func TestTouchesFollowTheStep(t *testing.T) {
	nop := func(*Ctx) {}
	path := &Path{Name: "p", Body: Seq{Do("a", "", nop).Touches(Held), Do("b", "", nop), Do("c", "", nop).Touches(OwnTask)}}
	edited, err := path.Edit("b", func(Node) Seq { return nil })
	if err != nil {
		t.Fatal(err)
	}
	p, err := Link(&testConfig, []*Path{edited})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Swap("p", "a"); err != nil {
		t.Fatal(err)
	}
	at := p.Entry("p")
	if first, second := p.At(at), p.At(at+1); first.Label != "c" || first.Touches != OwnTask || second.Touches != Held {
		t.Errorf("%s declares %b, %s declares %b", first.Label, first.Touches, second.Label, second.Touches)
	}
}
