package check

import "slices"

// hop is one action from a state to another.
type hop struct {
	from, to []uint32
	action   int
}

// on looks, from a state that is stuck, for the nearest one that nothing leads on from; where there is none,
// for a circle among states that are not left any more. It returns the way there, how many of its last
// actions are the circle, and all states that the system is in from then on.
func (s *search) on(begin []uint32) (way []hop, loop int, rest [][]uint32) {
	w := s.workers[0]
	c := closure{number: map[uint32]int{}}
	root, _ := s.seen.number(s.seen.hash(begin), begin)
	c.add(root, -1)
	for i := 0; i < len(c.states); i++ {
		w.stand(s.seen.pieceIDs(c.states[i]))
		o := w.w.(Obliged)
		for a := range w.w.Actions() {
			if o.Own(a) != Asked {
				c.next[i] = append(c.next[i], c.add(w.after(a), i))
			}
		}
		if len(c.next[i]) == 0 {
			return s.hops(c.wayTo(i)), 0, [][]uint32{s.seen.pieceIDs(c.states[i])}
		}
	}
	at := c.bottom()
	for i, leads := range from(c.next, at) {
		if leads {
			rest = append(rest, s.seen.pieceIDs(c.states[i]))
		}
	}
	there, round := c.wayTo(at), c.round(at)
	return s.hops(append(there, round...)), len(round), rest
}

// hops finds the actions that lead from each state of a way to the one after it.
func (s *search) hops(way []uint32) []hop {
	var all []hop
	w := s.workers[0]
	for i := 1; i < len(way); i++ {
		h := hop{from: s.seen.pieceIDs(way[i-1]), to: s.seen.pieceIDs(way[i])}
		w.stand(h.from)
		o := w.w.(Obliged)
		for a := range w.w.Actions() {
			if o.Own(a) != Asked && w.after(a) == way[i] {
				h.action = a
				break
			}
		}
		all = append(all, h)
	}
	return all
}

// closure is all that is reached from a state.
type closure struct {
	states []uint32
	number map[uint32]int
	parent []int
	next   [][]int
}

func (c *closure) add(id uint32, parent int) int {
	if i, ok := c.number[id]; ok {
		return i
	}
	i := len(c.states)
	c.number[id] = i
	c.states, c.parent, c.next = append(c.states, id), append(c.parent, parent), append(c.next, nil)
	return i
}

// wayTo is the states from the first one to i.
func (c *closure) wayTo(i int) []uint32 {
	var way []uint32
	for ; i >= 0; i = c.parent[i] {
		way = append(way, c.states[i])
	}
	slices.Reverse(way)
	return way
}

// bottom returns one of the states that are reached again from all that they lead to. It is found by going to
// what cannot come back, over and over.
func (c *closure) bottom() int {
	back := make([][]int, len(c.next))
	for i, all := range c.next {
		for _, to := range all {
			back[to] = append(back[to], i)
		}
	}
	for at := 0; ; {
		comes := from(back, at)
		left := -1
		for i, leads := range from(c.next, at) {
			if leads && !comes[i] {
				left = i
				break
			}
		}
		if left < 0 {
			return at
		}
		at = left
	}
}

// from marks what i leads to; i itself only where something leads back.
func from(next [][]int, i int) []bool {
	seen := make([]bool, len(next))
	queue := []int{i}
	for len(queue) > 0 {
		at := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, to := range next[at] {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return seen
}

// round is the states on a shortest way from i back to i, without i at its beginning.
func (c *closure) round(i int) []uint32 {
	parent := make([]int, len(c.states))
	for k := range parent {
		parent[k] = -1
	}
	queue := []int{i}
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		for _, to := range c.next[k] {
			if to == i {
				way := []uint32{c.states[i]}
				for ; k != i; k = parent[k] {
					way = append(way, c.states[k])
				}
				slices.Reverse(way)
				return way
			}
			if parent[to] < 0 {
				parent[to] = k
				queue = append(queue, to)
			}
		}
	}
	panic("check: a state of a circle that nothing leads back to")
}
