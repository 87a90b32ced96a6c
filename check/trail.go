package check

import "slices"

// trail finds a shortest way to what was found on the way on from some depth, the same on every run:
// backwards, at each depth the smallest state that leads to the one after it.
func (s *search) trail(f *find, depth int) *Trail {
	t := &Trail{Broken: f.broken, system: s.sys}
	way := []uint32{f.state}
	if f.inIt {
		depth++
	}
	for d := depth - 1; d >= 0; d-- {
		way = append(way, s.parent(way[len(way)-1], s.levels[d], s.levels[d+1]))
	}
	slices.Reverse(way)
	w := s.workers[0]
	for i, id := range way {
		w.stand(id)
		t.states = append(t.states, w.kept())
		switch {
		case i+1 < len(way):
			a, _ := w.leadsTo(way[i+1])
			t.Actions = append(t.Actions, a)
		case !f.inIt:
			t.Actions = append(t.Actions, f.action)
		}
	}
	t.Begin = w.beganAt(t.states[0])
	return t
}

// kept is the pieces of the loaded state.
func (w *worker) kept() [][]byte {
	pieces := make([][]byte, len(w.ids))
	for p := range pieces {
		pieces[p] = w.load(p)
	}
	return pieces
}

// parent is the smallest of the states from lo to hi that lead to the state id.
func (s *search) parent(id, lo, hi uint32) uint32 {
	s.lo, s.hi = lo, hi
	s.cursor.Store(uint64(lo))
	best := make([]*find, len(s.workers))
	s.all(func(w *worker) {
		at := slices.Index(s.workers, w)
		for {
			from := uint32(s.cursor.Add(grabbed) - grabbed)
			if from >= hi {
				return
			}
			for p := from; p < min(from+grabbed, hi); p++ {
				if !w.stand(p) {
					continue
				}
				if _, ok := w.leadsTo(id); ok {
					best[at] = s.first(best[at], &find{state: p, hash: w.hash})
				}
			}
		}
	})
	found := (*find)(nil)
	for _, f := range best {
		found = s.first(found, f)
	}
	if found == nil {
		panic("check: a state that nothing leads to")
	}
	return found.state
}

// leadsTo returns the first action from the loaded state to the state id.
func (w *worker) leadsTo(id uint32) (int, bool) {
	want := w.s.seen.pieceIDs(id)
	for a := range w.w.Actions() {
		b := w.w.Do(a)
		if b == nil {
			w.pieces()
		}
		w.w.Undo()
		if b == nil && slices.Equal(w.next, want) {
			return a, true
		}
	}
	return 0, false
}

// beganAt returns which of the states to begin with has these pieces.
func (w *worker) beganAt(pieces [][]byte) int {
	for i := 0; w.w.Begin(i); i++ {
		same := true
		for p := range pieces {
			w.buf = w.w.Append(w.buf[:0], p)
			same = same && slices.Equal(w.buf, pieces[p])
		}
		if same {
			return i
		}
	}
	panic("check: a trail that begins nowhere")
}
