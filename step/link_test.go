package step

import (
	"strings"
	"testing"

	"switchyard/machine"
)

func TestLinkErrors(t *testing.T) {
	body := Seq{Do("a", "", func(*Ctx) {})}
	tests := []struct {
		name  string
		paths []*Path
		want  string
	}{
		{"two paths of one name", []*Path{{Name: "p", Body: body}, {Name: "p", Body: body}}, "two paths named p hold for 7.3 on classic"},
		{"a call of nothing", []*Path{{Name: "p", Body: Seq{Call("q")}}}, "p calls q, which no path of 7.3 on classic is named"},
		{"a call of what is gone", []*Path{{Name: "p", Body: Seq{Call("q")}}, {Name: "q", Until: machine.V6_12, Body: body}}, "p calls q"},
		{"a call deep inside", []*Path{{Name: "p", Body: Seq{If("", nil, nil, Else(While("", nil, Seq{Call("q")})))}}}, "p calls q"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Link(&testConfig, tt.paths)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLinkTakesWhatHolds(t *testing.T) {
	small := func(c *machine.Config) bool { return c.CPUs < 2 }
	p, err := Link(&testConfig, []*Path{
		{Name: "p", Until: machine.V6_12, Doc: "old"},
		{Name: "p", Since: machine.V6_12, Only: small, Doc: "small"},
	}, []*Path{
		{Name: "p", Since: machine.V6_12, Only: func(c *machine.Config) bool { return !small(c) }, Doc: "right"},
		{Name: "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Paths(); len(got) != 2 || got[0].Doc != "right" || got[1].Name != "a" {
		t.Errorf("linked %v", got)
	}
	if !p.Has("p") || !p.Has("a") || p.Has("b") {
		t.Error("Has is wrong")
	}
	if in := p.At(p.Entry("p")); in.Path.Doc != "right" || in.IsStep() {
		t.Errorf("p begins with %+v", in)
	}
}

func TestEntryOfNothingPanics(t *testing.T) {
	p, err := Link(&testConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	p.Entry("p")
}

func TestHoldsAndRange(t *testing.T) {
	p := &Path{Since: machine.V5_0, Until: machine.V6_12}
	for _, r := range machine.Releases() {
		want := r == machine.V5_0 || r == machine.V6_1
		if p.Holds(&machine.Config{Release: r}) != want {
			t.Errorf("%s: holds = %t", r, !want)
		}
	}
	if first, last := p.Range(); first != machine.V5_0 || last != machine.V6_1 {
		t.Errorf("%s to %s", first, last)
	}
	if first, last := (&Path{}).Range(); first != machine.Oldest || last != machine.Newest {
		t.Errorf("%s to %s", first, last)
	}
}
