package check

import (
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/machine"
)

// A walker looks only at stacks that were touched: at those it finds all that changed, and undoes it.
func TestChangedIsAll(t *testing.T) {
	for _, m := range Models() {
		for _, plain := range []bool{true, false} {
			s := small[m.Name]
			s.Release, s.NoReduction = machine.Newest, plain
			k := buildModel(t, m.Name, s).walker()
			rng := rand.New(rand.NewPCG(3, 4))
			for range 20 {
				k.Begin(0)
				for range 300 {
					pieces := piecesOf(k.w, k)
					k.Load(func(i int) []byte { return pieces[i] }, nil)
					n := k.Actions()
					if n == 0 {
						break
					}
					for a := range n {
						if k.changesAll(t, a); t.Failed() {
							t.Fatalf("%s, plain %v", m.Name, plain)
						}
					}
					k.Do(rng.IntN(n))
				}
			}
		}
	}
}

func (k *walker) changesAll(t *testing.T, action int) {
	if k.Do(action) == nil {
		all := k.now.Clone()
		for i := range all.Tasks {
			all.Stack(machine.TaskID(i)) // touches it
		}
		if k.normal.apply(all); k.w.quiet == nil && !all.Equal(k.now) {
			t.Errorf("a second look finds more to forget after action %d", action)
		}
		got := slices.Clone(k.Changed())
		for i := range k.w.pieces.Len() {
			same := k.w.pieces.Same(k.now, k.from, i)
			if same == slices.Contains(got, i) {
				t.Errorf("piece %d: same %v, and %v are said to have changed", i, same, got)
			}
			if b := k.Append(nil, i); !k.Is(i, b) {
				t.Errorf("piece %d is not what it is", i)
			}
		}
	}
	if k.Undo(); !k.now.Equal(k.from) {
		t.Errorf("action %d was not undone", action)
	}
}
