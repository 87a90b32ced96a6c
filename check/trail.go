package check

import "slices"

// trail finds a shortest way to what was found on the way on from some depth, the same on every run:
// backwards, at each depth the smallest state that leads to the one after it.
func (s *search) trail(f *find, depth int) *Trail {
	t := &Trail{Broken: f.broken, system: s.sys}
	way := [][]uint32{f.state}
	if f.inIt {
		depth++
	}
	for d := depth - 1; d >= 0; d-- {
		way = append(way, s.parent(way[len(way)-1], d))
	}
	slices.Reverse(way)
	w := s.workers[0]
	for i, ids := range way {
		w.stand(ids)
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
	pieces := make([][]byte, len(w.loaded))
	for p := range pieces {
		pieces[p] = w.load(p)
	}
	return pieces
}

// parent is the smallest of the states of a depth that lead to the given one.
func (s *search) parent(of []uint32, depth int) []uint32 {
	best := make([]*find, len(s.workers))
	s.each(depth, func(w *worker, ids []uint32) {
		w.stand(ids)
		if _, ok := w.leadsTo(of); ok {
			best[w.index] = s.first(best[w.index], &find{state: slices.Clone(ids), hash: w.hash})
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

// each does something with every state of a depth, each worker with some of them.
func (s *search) each(depth int, do func(w *worker, ids []uint32)) {
	if s.disk == nil {
		s.among(uint64(s.levels[depth]), uint64(s.levels[depth+1]), do)
		return
	}
	for n := s.disk.levels[depth]; n < s.disk.levels[depth+1]; n++ {
		var err error
		if s.window, err = s.disk.read(n, s.window); err != nil {
			panic("check: what was written to disk cannot be read: " + err.Error())
		}
		s.among(0, uint64(len(s.window)/s.seen.pieces), do)
	}
}

func (s *search) among(lo, hi uint64, do func(w *worker, ids []uint32)) {
	s.cursor.Store(lo)
	s.all(func(w *worker) {
		for {
			from := s.cursor.Add(grabbed) - grabbed
			if from >= hi {
				return
			}
			for p := from; p < min(from+grabbed, hi); p++ {
				if ids := w.at(p); ids != nil {
					do(w, ids)
				}
			}
		}
	})
}

// leadsTo returns the first action from the loaded state to the state that has these pieces.
func (w *worker) leadsTo(want []uint32) (int, bool) {
	for a := range w.w.Actions() {
		b := w.w.Do(a)
		ids := w.arrived[:len(w.loaded)]
		if b == nil {
			w.pieces(ids)
		}
		w.w.Undo()
		if b == nil && slices.Equal(ids, want) {
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
