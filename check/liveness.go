package check

import (
	"context"
	"fmt"
	"slices"
)

// Obliged is a Walker of a system that also has to get somewhere. What is asked for is that from every state
// the system comes to one in which it owes nothing, by what it does of itself.
type Obliged interface {
	Walker
	// Own tells whether an action is one that the system takes of itself sooner or later, and not one that
	// somebody has to ask for.
	Own(i int) Own
	// Owes returns what does not happen for ever if the system stays in the state that was loaded, nil where
	// nothing is owed there.
	Owes() *Broken
	// Stuck returns all that may be said of a state from which it never comes to one that owes nothing. What
	// holds in every state that it is in from then on is told.
	Stuck() []Broken
}

// Own says whose an action is.
type Own uint8

const (
	Asked  Own = iota // somebody has to ask for it
	Moving            // it carries on what was begun
	Turn              // it gives a processor to another task
)

// reach is the graph of what a system does of itself, seen from where it leads.
type reach struct {
	first []uint32 // for each state, where in from those that lead to it begin
	from  []uint32
	owes  []bool
	used  []bool
	round bool // what carries on may go in circles
}

// edges are what one worker found: source and target.
type edges struct{ moving, turns []uint64 }

// live checks, after all states were seen, that from each of them one is reached that owes nothing. It returns
// what it found out in words, and a way to where that does not hold.
func (s *search) live(ctx context.Context) (told string, found *Trail) {
	if _, ok := s.workers[0].w.(Obliged); !ok {
		return "", nil
	}
	g, why := s.graph(ctx)
	if g == nil {
		return "not checked: " + why, nil
	}
	ok := g.backwards()
	if worst := s.stuck(g, ok); worst != nil {
		return "broken: what is owed never comes", s.lasso(worst)
	}
	const holds = "holds: from every state the kernel comes, by its own steps, interrupts and turns of tasks, to one that owes nothing (L1, L2); "
	if g.round {
		return holds + "what can happen again and again is taken to happen", nil
	}
	return holds + "steps and interrupts never go in circles, so only turns need to be fair", nil
}

// graph goes through all states once more and notes what each leads to without being asked.
func (s *search) graph(ctx context.Context) (*reach, string) {
	n := int(s.seen.next.Load())
	g := &reach{owes: make([]bool, n), used: make([]bool, n), first: make([]uint32, n+1)}
	found := make([]edges, len(s.workers))
	room := int64(0)
	if s.opt.Memory > 0 {
		room = (s.opt.Memory - s.seen.bytes() - 6*int64(n)) / int64(len(s.workers)) / 12
		if room <= 0 {
			return nil, "memory does not suffice for what leads where"
		}
	}
	s.cursor.Store(0)
	s.hi = uint64(n)
	full := make([]bool, len(s.workers))
	s.all(func(w *worker) {
		e := &found[w.index]
		for ctx.Err() == nil {
			from := s.cursor.Add(grabbed) - grabbed
			if from >= s.hi {
				return
			}
			if room > 0 && int64(len(e.moving)+len(e.turns)) > room {
				full[w.index] = true
				return
			}
			for id := from; id < min(from+grabbed, s.hi); id++ {
				w.leads(uint32(id), g, e)
			}
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, "interrupted"
	case slices.Contains(full, true):
		return nil, "memory does not suffice for what leads where"
	}
	g.round = circles(n, found, g.used)
	g.turnAround(found)
	return g, ""
}

// leads notes what a state owes, and where it leads to without being asked.
func (w *worker) leads(id uint32, g *reach, e *edges) {
	ids := w.at(uint64(id))
	if ids == nil {
		return
	}
	w.stand(ids)
	o := w.w.(Obliged)
	g.used[id], g.owes[id] = true, o.Owes() != nil
	for a := range w.w.Actions() {
		own := o.Own(a)
		if own == Asked {
			continue
		}
		to := w.after(a)
		if own == Moving {
			e.moving = append(e.moving, uint64(id)<<32|uint64(to))
		} else {
			e.turns = append(e.turns, uint64(id)<<32|uint64(to))
		}
	}
}

// after returns the number of the state that an action leads to from the one that is loaded.
func (w *worker) after(a int) uint32 {
	if b := w.w.Do(a); b != nil {
		panic("check: a rule is broken after all states held: " + b.Rule)
	}
	ids := w.arrived[:len(w.loaded)]
	h := w.pieces(ids)
	w.w.Undo()
	to, ok := w.s.seen.number(h, ids)
	if !ok {
		panic("check: an action leads to a state that was not seen")
	}
	return to
}

// turnAround sorts edges by where they lead.
func (g *reach) turnAround(found []edges) {
	each := func(do func(from, to uint32)) {
		for _, f := range found {
			for _, all := range [...][]uint64{f.moving, f.turns} {
				for _, e := range all {
					do(uint32(e>>32), uint32(e))
				}
			}
		}
	}
	total := 0
	each(func(_, to uint32) { g.first[to+1]++; total++ })
	for i := 1; i < len(g.first); i++ {
		g.first[i] += g.first[i-1]
	}
	g.from = make([]uint32, total)
	at := slices.Clone(g.first)
	each(func(from, to uint32) { g.from[at[to]] = from; at[to]++ })
}

// backwards marks the states from which one is reached that owes nothing.
func (g *reach) backwards() []bool {
	ok := make([]bool, len(g.owes))
	var queue []uint32
	for id, owes := range g.owes {
		if g.used[id] && !owes {
			ok[id] = true
			queue = append(queue, uint32(id))
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range g.from[g.first[id]:g.first[id+1]] {
			if !ok[from] {
				ok[from] = true
				queue = append(queue, from)
			}
		}
	}
	return ok
}

// circles reports whether what carries on can go round and round with no turn of another task in between. It
// takes away states that lead nowhere until none is left that does.
func circles(n int, found []edges, used []bool) bool {
	g := &reach{first: make([]uint32, n+1)}
	moving := make([]edges, len(found))
	ways := make([]uint32, n)
	for i := range found {
		moving[i].moving = found[i].moving
		for _, e := range found[i].moving {
			ways[e>>32]++
		}
	}
	g.turnAround(moving)
	var queue []uint32
	left := 0
	for id := range ways {
		if used[id] {
			left++
			if ways[id] == 0 {
				queue = append(queue, uint32(id))
			}
		}
	}
	for len(queue) > 0 {
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		left--
		for _, from := range g.from[g.first[id]:g.first[id+1]] {
			if ways[from]--; ways[from] == 0 {
				queue = append(queue, from)
			}
		}
	}
	return left > 0
}

// stuck returns the state that is told of those that never come to one that owes nothing: one of the smallest
// depth, and there the smallest.
func (s *search) stuck(g *reach, ok []bool) *find {
	for d := range len(s.levels) - 1 {
		var worst *find
		for id := s.levels[d]; id < s.levels[d+1]; id++ {
			if g.used[id] && !ok[id] {
				ids := s.seen.pieceIDs(id)
				worst = s.first(worst, &find{state: ids, hash: s.seen.hash(ids), inIt: true, begin: d})
			}
		}
		if worst != nil {
			return worst
		}
	}
	return nil
}

// lasso is the way to a state that is stuck, and on from there by what the system does of itself: to where
// nothing moves, or once round a circle that it does not leave.
func (s *search) lasso(f *find) *Trail {
	t := s.trail(f, f.begin-1)
	way, loop, rest := s.on(f.state)
	w := s.workers[0]
	for _, h := range way {
		t.Actions = append(t.Actions, h.action)
		w.stand(h.to)
		t.states = append(t.states, w.kept())
	}
	t.states = t.states[:len(t.Actions)]
	t.Loops = loop
	var all []Broken
	for i, ids := range rest {
		w.stand(ids)
		all = common(all, w.w.(Obliged).Stuck(), i == 0)
	}
	t.Broken = told(all, loop)
	return t
}

// common is what two states have in common that are stuck.
func common(all, now []Broken, first bool) []Broken {
	if first {
		return now
	}
	return slices.DeleteFunc(all, func(b Broken) bool { return !slices.Contains(now, b) })
}

// told is what is said of states that are stuck and have all that in common.
func told(all []Broken, loop int) Broken {
	b := Broken{Rule: "L1", Detail: "something that was begun does not end", CPU: -1}
	if len(all) > 0 {
		b = all[0]
	}
	if loop > 0 {
		b.Detail += fmt.Sprintf(", while the last %d actions go round and round", loop)
	}
	return b
}
