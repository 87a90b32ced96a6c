package check

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"switchyard/machine"
)

// On intact paths what is begun ends, in every release, and reduced and plain searches agree on it.
func TestWhatIsBegunEnds(t *testing.T) {
	slowUnderRace(t)
	for _, m := range Models() {
		for _, rel := range machine.Releases() {
			if rel < m.Since || (testing.Short() || raceDetector) && rel != machine.Newest {
				continue
			}
			for _, plain := range []bool{false, true} {
				s := small[m.Name]
				s.Release, s.NoReduction = rel, plain
				if plain && rel != machine.Newest {
					continue
				}
				w := buildModel(t, m.Name, s)
				r := Search(context.Background(), w, Options{Liveness: true})
				if r.Found != nil || !strings.HasPrefix(r.Liveness, "holds") {
					t.Errorf("%s on %s: %s %s", m.Name, rel, r.Liveness, rule(r))
				}
			}
		}
	}
}

// Breaks of what has to happen are seen with reductions off, too, and none of them breaks anything else.
func TestLivenessBreaksAreFoundPlain(t *testing.T) {
	slowUnderRace(t)
	if testing.Short() || raceDetector {
		t.Skip("takes seconds")
	}
	for _, c := range []struct{ name, rule string }{{"wake-list-emptied-late", "L2"}, {"prev-state-before-lock", "L2"}} {
		s := Setup{Release: machine.Newest, Break: c.name, NoReduction: true, Actions: []string{"wake"}}
		if r := Search(context.Background(), buildModel(t, "wakeup", s), Options{}); r.Found != nil || r.Stopped != "" {
			t.Errorf("%s breaks %q (%s)", c.name, rule(r), r.Stopped)
		}
		if r := Search(context.Background(), buildModel(t, "wakeup", s), Options{Liveness: true}); rule(r) != c.rule {
			t.Errorf("%s breaks %q (%s)", c.name, rule(r), r.Liveness)
		}
	}
}

// graph is a system of a few states, of which one is one piece. What it does of itself and where it owes
// something is up to chance.
type graph struct {
	owes []bool
	to   [][]int
	own  [][]Own
}

type graphWalker struct {
	g         *graph
	from, now int
}

func (g *graph) Pieces() int                         { return 1 }
func (g *graph) Walker() Walker                      { return &graphWalker{g: g} }
func (w *graphWalker) Begin(i int) bool              { w.now = 0; return i == 0 }
func (w *graphWalker) Actions() int                  { return len(w.g.to[w.from]) }
func (w *graphWalker) Do(i int) *Broken              { w.now = w.g.to[w.from][i]; return nil }
func (w *graphWalker) Check() *Broken                { return nil }
func (w *graphWalker) Undo()                         { w.now = w.from }
func (w *graphWalker) Own(i int) Own                 { return w.g.own[w.from][i] }
func (w *graphWalker) Stuck() (all []Broken)         { return []Broken{{Rule: "owes"}} }
func (w *graphWalker) Append(b []byte, _ int) []byte { return append(b, byte(w.now), 0, 1, 2) }
func (w *graphWalker) Load(piece func(int) []byte, _ []int) {
	w.from = int(piece(0)[0])
	w.now = w.from
}
func (w *graphWalker) Is(_ int, b []byte) bool { return bytes.Equal(w.Append(nil, 0), b) }
func (w *graphWalker) Changed() []int {
	if w.now == w.from {
		return nil
	}
	return []int{0}
}
func (w *graphWalker) Owes() *Broken {
	if w.g.owes[w.now] {
		return &Broken{Rule: "owes"}
	}
	return nil
}

func randomGraph(rng *rand.Rand) *graph {
	n := 3 + rng.IntN(30)
	g := &graph{owes: make([]bool, n), to: make([][]int, n), own: make([][]Own, n)}
	for i := range n {
		g.owes[i] = rng.IntN(4) > 0
		for range rng.IntN(4) {
			own := Own(rng.IntN(3))
			to := rng.IntN(n)
			if own == Moving && rng.IntN(3) > 0 {
				to = i + rng.IntN(n-i) // mostly onwards, so that not all go in circles
			}
			g.to[i], g.own[i] = append(g.to[i], to), append(g.own[i], own)
		}
	}
	return g
}

// leadsTo marks what a state leads to by actions that are one of these, itself only where something leads back.
func (g *graph) leadsTo(i int, by ...Own) map[int]bool {
	seen := map[int]bool{}
	queue := []int{i}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for k, to := range g.to[at] {
			for _, own := range by {
				if g.own[at][k] == own && !seen[to] {
					seen[to] = true
					queue = append(queue, to)
				}
			}
		}
	}
	return seen
}

func (g *graph) stuck(i int) bool {
	for to := range g.leadsTo(i, Moving, Turn) {
		if !g.owes[to] {
			return false
		}
	}
	return g.owes[i]
}

// What the engine says of small graphs is what the obvious way says, and the way that it tells leads to a
// state that is stuck, and stays there.
func TestLivenessAgreesWithTheObviousWay(t *testing.T) {
	slowUnderRace(t)
	stuck, loops, circles := 0, 0, 0
	for seed := range uint64(600) {
		g := randomGraph(rand.New(rand.NewPCG(seed, 7)))
		all := g.leadsTo(0, Asked, Moving, Turn)
		all[0] = true
		want, round := false, false
		for i := range all {
			want = want || g.stuck(i)
			round = round || g.leadsTo(i, Moving)[i]
		}
		r := Search(context.Background(), g, Options{Liveness: true, Workers: 1 + int(seed%3)})
		if r.Found != nil != want || int(r.Distinct) != len(all) {
			t.Fatalf("seed %d: %d states, %s %+v; want %d, stuck %v", seed, r.Distinct, r.Liveness, r.Found, len(all), want)
		}
		if !want {
			if strings.Contains(r.Liveness, "never go in circles") == round {
				t.Fatalf("seed %d: %s, in circles %v", seed, r.Liveness, round)
			}
			if round {
				circles++
			}
			continue
		}
		stuck++
		at, way := 0, []int{0}
		for _, a := range r.Found.Actions {
			at = g.to[at][a]
			way = append(way, at)
		}
		if r.Found.Loops > 0 {
			loops++
			if way[len(way)-1-r.Found.Loops] != at || !g.leadsTo(at, Moving, Turn)[at] {
				t.Fatalf("seed %d: %v does not go round", seed, way)
			}
		} else if len(g.leadsTo(at, Moving, Turn)) > 0 {
			t.Fatalf("seed %d: %v goes on", seed, way)
		}
		if !g.stuck(at) {
			t.Fatalf("seed %d: %v leads out again", seed, way)
		}
	}
	if stuck < 60 || loops < 30 || circles < 10 {
		t.Errorf("%d graphs with states that are stuck, %d of them with circles, and %d without and yet with circles: too few to say anything", stuck, loops, circles)
	}
}
