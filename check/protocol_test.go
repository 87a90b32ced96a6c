package check_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"switchyard/check"
)

// protocol is a small model for the tests of the engine: states are a few numbers.
type protocol struct {
	name  string
	begin [][]int
	next  func(s []int, to func([]int))
	holds func(s []int) string // the rule that does not hold, if any
	stops bool                 // a state without a successor breaks a rule too
}

func (p *protocol) Pieces() int          { return len(p.begin[0]) }
func (p *protocol) Walker() check.Walker { return &protocolWalker{p: p} }

type protocolWalker struct {
	p         *protocol
	from, now []int
	nexts     [][]int
}

func (w *protocolWalker) Begin(i int) bool {
	if i >= len(w.p.begin) {
		return false
	}
	w.now = w.p.begin[i]
	return true
}

func (w *protocolWalker) Load(piece func(int) []byte, differ []int) {
	from := make([]int, w.p.Pieces())
	if differ != nil {
		copy(from, w.from)
	}
	for i := range from {
		if differ == nil || slices.Contains(differ, i) {
			v, _ := binary.Varint(piece(i))
			from[i] = int(v)
		}
	}
	w.from = from
	w.now, w.nexts = w.from, nil
	w.p.next(w.from, func(s []int) { w.nexts = append(w.nexts, slices.Clone(s)) })
}

func (w *protocolWalker) Actions() int           { return len(w.nexts) }
func (w *protocolWalker) Do(i int) *check.Broken { w.now = w.nexts[i]; return nil }
func (w *protocolWalker) Changed() (all []int) {
	for i := range w.now {
		if w.now[i] != w.from[i] {
			all = append(all, i)
		}
	}
	return all
}
func (w *protocolWalker) Append(b []byte, i int) []byte {
	return binary.AppendVarint(b, int64(w.now[i]))
}
func (w *protocolWalker) Is(i int, b []byte) bool { return bytes.Equal(w.Append(nil, i), b) }
func (w *protocolWalker) Undo()                   { w.now = w.from }
func (w *protocolWalker) Check() *check.Broken {
	rule := ""
	if w.p.holds != nil {
		rule = w.p.holds(w.now)
	}
	if rule == "" && w.p.stops {
		rule = "deadlock"
		w.p.next(w.now, func([]int) { rule = "" })
	}
	if rule == "" {
		return nil
	}
	return &check.Broken{Rule: rule, CPU: -1}
}

// reference counts a protocol's states with a map, one at a time.
func (p *protocol) reference() (distinct, generated, depth int, broken string) {
	w := protocolWalker{p: p}
	seen := map[string]bool{}
	var level [][]int
	add := func(to *[][]int, s []int) {
		generated++
		if k := fmt.Sprint(s); !seen[k] {
			seen[k] = true
			*to = append(*to, slices.Clone(s))
			w.now = s
			if b := w.Check(); b != nil && (broken == "" || b.Rule < broken) {
				broken = b.Rule
			}
		}
	}
	for _, s := range p.begin {
		add(&level, s)
	}
	for len(level) > 0 && broken == "" {
		var next [][]int
		for _, s := range level {
			p.next(s, func(s []int) { add(&next, s) })
		}
		if level = next; len(level) > 0 {
			depth++
		}
	}
	return len(seen), generated, depth, broken
}

// with returns s with some places changed: at, value, at, value …
func with(s []int, changes ...int) []int {
	s = slices.Clone(s)
	for i := 0; i < len(changes); i += 2 {
		s[changes[i]] = changes[i+1]
	}
	return s
}

// peterson: for each of two processes pc (0 idle, 1 flag up, 2 turn given away, 3 critical) and flag; turn.
func peterson(turn bool) *protocol {
	return &protocol{name: "peterson", begin: [][]int{{0, 0, 0, 0, 0}},
		next: func(s []int, to func([]int)) {
			for me := range 2 {
				other := 1 - me
				switch s[me] {
				case 0:
					to(with(s, me, 1, 2+me, 1))
				case 1:
					if turn {
						to(with(s, me, 2, 4, other))
					} else {
						to(with(s, me, 2))
					}
				case 2:
					if s[2+other] == 0 || s[4] == me {
						to(with(s, me, 3))
					}
				case 3:
					to(with(s, me, 0, 2+me, 0))
				}
			}
		},
		holds: func(s []int) string {
			if s[0] == 3 && s[1] == 3 {
				return "mutual exclusion"
			}
			return ""
		}}
}

// philosophers: each thinks (0), has the left fork (1) or eats (2).
func philosophers(n int, stops bool) *protocol {
	return &protocol{name: fmt.Sprintf("%d philosophers", n), begin: [][]int{make([]int, n)}, stops: stops,
		next: func(s []int, to func([]int)) {
			for i := range n {
				left, right := s[(i+n-1)%n], s[(i+1)%n]
				switch {
				case s[i] == 0 && left != 2:
					to(with(s, i, 1))
				case s[i] == 1 && right == 0:
					to(with(s, i, 2))
				case s[i] == 2:
					to(with(s, i, 0))
				}
			}
		}}
}

// seats counts the ways around the table: who eats has a thinker to the right.
func seats(n int) int {
	total := 0
	for first := range 3 {
		ways := [3]int{}
		ways[first] = 1
		for range n - 1 {
			ways = [3]int{ways[0] + ways[1] + ways[2], ways[0] + ways[1], ways[0] + ways[1]}
		}
		total += ways[0] + ways[1]
		if first == 0 {
			total += ways[2]
		}
	}
	return total
}

// twoPhase is Lamport's TwoPhase for n resource managers: each is working 0, prepared 1, committed 2 or
// aborted 3; then the transaction manager, init 0, committed 1 or aborted 2; whom it knows to be prepared;
// and the messages that were ever sent, prepared by each, commit, abort.
func twoPhase(n int) *protocol {
	tm, known, sent := n, n+1, n+2
	commit, abort := 1<<n, 1<<(n+1)
	return &protocol{name: "two-phase commit", begin: [][]int{make([]int, n+3)},
		next: func(s []int, to func([]int)) {
			if s[tm] == 0 {
				if s[known] == 1<<n-1 {
					to(with(s, tm, 1, sent, s[sent]|commit))
				}
				to(with(s, tm, 2, sent, s[sent]|abort))
			}
			for i := range n {
				if s[tm] == 0 && s[sent]&(1<<i) != 0 {
					to(with(s, known, s[known]|1<<i))
				}
				if s[i] == 0 {
					to(with(s, i, 1, sent, s[sent]|1<<i))
					to(with(s, i, 3))
				}
				if s[sent]&commit != 0 {
					to(with(s, i, 2))
				}
				if s[sent]&abort != 0 {
					to(with(s, i, 3))
				}
			}
		},
		holds: func(s []int) string {
			if slices.Contains(s[:n], 2) && slices.Contains(s[:n], 3) {
				return "consistency"
			}
			return ""
		}}
}

// buffer is a bounded buffer whose producers and consumers wait on one condition variable, and are woken
// one at a time, whoever that is: it stops for ever where there are more than twice as many of them as
// there is room.
func buffer(producers, consumers, room int) *protocol {
	n := producers + consumers
	return &protocol{name: fmt.Sprintf("%d producers, %d consumers, room for %d", producers, consumers, room), begin: [][]int{make([]int, 2)}, stops: true,
		next: func(s []int, to func([]int)) {
			waiting, full := s[0], s[1]
			wake := func(full int) {
				woken := false
				for i := range n {
					if waiting&(1<<i) != 0 {
						to([]int{waiting &^ (1 << i), full})
						woken = true
					}
				}
				if !woken {
					to([]int{waiting, full})
				}
			}
			for i := range n {
				switch {
				case waiting&(1<<i) != 0:
				case i < producers && full < room:
					wake(full + 1)
				case i >= producers && full > 0:
					wake(full - 1)
				default:
					to([]int{waiting | 1<<i, full})
				}
			}
		}}
}

func TestProtocols(t *testing.T) {
	for _, c := range []struct {
		p                   *protocol
		distinct, generated int // 0: what the reference says
		broken              string
	}{
		{p: peterson(true)},
		{p: peterson(false), broken: "mutual exclusion"},
		{p: philosophers(3, false), distinct: seats(3)},
		{p: philosophers(8, false), distinct: seats(8)},
		{p: philosophers(5, true), broken: "deadlock"},
		{p: twoPhase(3), distinct: 288, generated: 1146}, // as TLC counts
		{p: twoPhase(5), distinct: 8832},
		{p: buffer(2, 2, 2)},
		{p: buffer(2, 1, 1), broken: "deadlock"},
		{p: buffer(4, 3, 3), broken: "deadlock"},
		{p: buffer(3, 3, 3)},
	} {
		distinct, generated, depth, broken := c.p.reference()
		if c.distinct != 0 && distinct != c.distinct || c.generated != 0 && generated != c.generated {
			t.Errorf("%s: the reference finds %d distinct and %d generated, want %d and %d", c.p.name, distinct, generated, c.distinct, c.generated)
		}
		if broken != c.broken {
			t.Errorf("%s: the reference finds %q, want %q", c.p.name, broken, c.broken)
		}
		for _, workers := range []int{1, 2, 5} {
			r := check.Search(context.Background(), c.p, check.Options{Workers: workers})
			if r.Found != nil != (broken != "") {
				t.Errorf("%s: found %+v, want %q", c.p.name, r.Found, broken)
				continue
			}
			if r.Found != nil {
				if r.Found.Broken.Rule != broken || r.Found.Len() != r.Depth {
					t.Errorf("%s: %q after %d steps of %d", c.p.name, r.Found.Broken.Rule, r.Found.Len(), r.Depth)
				}
			} else if int(r.Distinct) != distinct || int(r.Generated) != generated || r.Depth != depth {
				t.Errorf("%s, %d workers: %d distinct, %d generated, depth %d; want %d, %d, %d", c.p.name, workers, r.Distinct, r.Generated, r.Depth, distinct, generated, depth)
			}
		}
	}
}

// However many workers there are, the way that is told is the same one, and it leads there.
func TestTrailIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	for _, p := range []*protocol{peterson(false), philosophers(6, true), buffer(4, 3, 3)} {
		var first []int
		for workers := 1; workers <= 6; workers++ {
			for range 3 {
				r := check.Search(context.Background(), p, check.Options{Workers: workers})
				if first == nil {
					first = r.Found.Actions
					w := p.Walker().(*protocolWalker)
					w.Begin(r.Found.Begin)
					for _, a := range first {
						s := slices.Clone(w.now)
						w.Load(func(i int) []byte { return binary.AppendVarint(nil, int64(s[i])) }, nil)
						w.Do(a)
					}
					if b := w.Check(); b == nil || b.Rule != r.Found.Broken.Rule {
						t.Errorf("%s: the way does not lead to %q", p.name, r.Found.Broken.Rule)
					}
				}
				if !slices.Equal(r.Found.Actions, first) {
					t.Errorf("%s: with %d workers %v, before %v", p.name, workers, r.Found.Actions, first)
				}
			}
		}
	}
}

// What stops a search early is said, and so is what was covered.
func TestSearchIsBounded(t *testing.T) {
	r := check.Search(context.Background(), philosophers(14, false), check.Options{Memory: 8 << 20})
	if r.Stopped == "" || r.Distinct == 0 || r.PeakBytes > 8<<20 {
		t.Errorf("stopped %q after %d states with %d bytes", r.Stopped, r.Distinct, r.PeakBytes)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := check.Search(ctx, philosophers(14, false), check.Options{}); r.Stopped != "interrupted" {
		t.Errorf("stopped %q", r.Stopped)
	}
}
