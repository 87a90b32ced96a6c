package check

import (
	"context"
	"math/rand/v2"
)

// Walked is what random walks came to.
type Walked struct {
	Walks uint64
	Steps uint64
	Found *Trail // not the shortest way
}

// walkLength is where a walk ends and another one begins: most of what can go wrong goes wrong sooner.
const walkLength = 5000

// Walk goes through a system at random until a rule is broken or ctx ends. The same seed goes the same
// ways.
func Walk(ctx context.Context, sys System, seed uint64) *Walked {
	r := &Walked{}
	w := sys.Walker()
	for ; ctx.Err() == nil; r.Walks++ {
		rng := rand.New(rand.NewPCG(seed, r.Walks))
		t := &Trail{system: sys}
		w.Begin(0)
		for range walkLength {
			pieces := piecesOf(sys, w)
			w.Load(func(p int) []byte { return pieces[p] }, nil)
			n := w.Actions()
			if n == 0 || ctx.Err() != nil {
				break
			}
			a := rng.IntN(n)
			t.states, t.Actions = append(t.states, pieces), append(t.Actions, a)
			r.Steps++
			b := w.Do(a)
			if b == nil {
				b = w.Check()
			}
			if b != nil {
				t.Broken = *b
				r.Found = t
				return r
			}
		}
	}
	return r
}

// piecesOf is the state that a walker stands on.
func piecesOf(sys System, w Walker) [][]byte {
	pieces := make([][]byte, sys.Pieces())
	for p := range pieces {
		pieces[p] = w.Append(nil, p)
	}
	return pieces
}
