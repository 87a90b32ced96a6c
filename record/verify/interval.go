package verify

import (
	"slices"

	"switchyard/machine"
)

// On several CPUs a count is an interval. A switch grabs and drops after its event, a fork, exec or exit did so before
// its own; and an event is read a moment after its time. Meanwhile another CPU may find a count with or without it.

// delta is what an event changed of an address space's counts.
type delta struct {
	space        *space
	count, users int32
}

func (d *delta) of(f Fact) int32 {
	if f == Users {
		return d.users
	}
	return d.count
}

// touched are the machine's address spaces that an event may change, as they were before it.
type touched struct {
	spaces       [4]*space
	count, users [4]int32
	n            int
}

func (r *run) watch(ids ...machine.MMID) (t touched) {
	for _, id := range ids {
		s := r.named(id)
		if s == nil || slices.Contains(t.spaces[:t.n], s) {
			continue
		}
		mm := &r.m.S.MMs[id]
		t.spaces[t.n], t.count[t.n], t.users[t.n] = s, mm.Count, mm.Users
		t.n++
	}
	return t
}

// note keeps what an event on a CPU changed, and lets it explain what other CPUs saw too early.
func (r *run) note(on int, t *touched, op operation) {
	for i := range t.n {
		s := t.spaces[i]
		mm := &r.m.S.MMs[s.id]
		d := delta{s, mm.Count - t.count[i], mm.Users - t.users[i]}
		if d.count == 0 && d.users == 0 {
			continue
		}
		r.ops[op]++
		s.since |= 1 << op
		r.cpus[on].deltas = append(r.cpus[on].deltas, d)
		r.early(on, &d, op)
	}
}

// inFlight is by how much a count may differ from the machine's because other CPUs are not done with their last event.
func (r *run) inFlight(s *space, f Fact, on int) (lo, hi int32) {
	for i := range r.cpus {
		c := &r.cpus[i]
		if i == on || r.now-c.last > unfinished {
			continue
		}
		for j := range c.deltas {
			if d := &c.deltas[j]; d.space == s {
				lo -= max(d.of(f), 0)
				hi -= min(d.of(f), 0)
			}
		}
	}
	return lo, hi
}

// doubt is a difference that an event to come may explain.
type doubt struct {
	Mismatch
	space *space
	diff  int32
	times uint64 // that it was seen
	on    int
	read  int64 // how late it may have been read
	until int64 // until when it may be explained
	wait  []int // CPUs whose next event may explain it
}

// forkTakes is how long a task may be switched away from in the middle of a fork.
const forkTakes = 2_000_000_000

// explainable lists the CPUs that may be changing the counts of s ahead of their events.
func (r *run) explainable(s *space, on int) (wait []int) {
	for i := range r.cpus {
		c := &r.cpus[i]
		if i == on || !c.seen {
			continue
		}
		if t := &r.m.S.Tasks[c.curr.slot]; t.MM == s.id || t.ActiveMM == s.id {
			wait = append(wait, i)
		}
	}
	return wait
}

// early lets an event on a CPU explain what was seen before it. A fork, exec or exit did its work before it is reported:
// since the event before it on its CPU, and a fork that was switched away from since the task's last report. A switch
// does its work after its event, but another may have been read later than its time says.
func (r *run) early(on int, d *delta, op operation) {
	c := &r.cpus[on]
	since := c.last
	if op == forking {
		since = c.curr.acted
	}
	isSwitch := op == switching || op == toKernel || op == toUser
	for _, p := range slices.Clone(d.space.pending) {
		v := d.of(p.Fact)
		if p.on == on && op != forking || v*p.diff <= 0 || p.read < since || isSwitch && r.now > p.read {
			continue
		}
		if p.diff -= v; p.diff == 0 {
			r.drop(p)
			r.report.Facts[p.Fact].Predicted += p.times
			r.report.Facts[p.Fact].Interval += p.times
		}
	}
}

// passed tells all doubts that a CPU has had another event.
func (r *run) passed(on int) {
	for _, p := range slices.Clone(r.doubts) {
		p.wait = slices.DeleteFunc(p.wait, func(w int) bool { return w == on })
		if len(p.wait) == 0 && r.now > p.until {
			r.settle(p)
		}
	}
}

func (r *run) drop(p *doubt) {
	same := func(q *doubt) bool { return q == p }
	r.doubts = slices.DeleteFunc(r.doubts, same)
	p.space.pending = slices.DeleteFunc(p.space.pending, same)
}

// settle makes a mismatch of a doubt that nothing explained. If the count is still off by as much, that is taken over,
// and with it what other doubts are about the same difference.
func (r *run) settle(p *doubt) {
	if !slices.Contains(r.doubts, p) {
		return
	}
	r.drop(p)
	s := p.space
	// It is one difference, however often it was seen meanwhile.
	r.report.Facts[p.Fact].Predicted += p.times - 1
	if s.latest[p.Fact] != p.diff {
		p.Cause = InFlight
		r.mismatch(&p.Mismatch, s)
		return
	}
	r.takeOver(&p.Mismatch, s, p.diff)
	for _, q := range slices.Clone(s.pending) {
		if q.Fact != p.Fact {
			continue
		}
		if q.diff -= p.diff; q.diff == 0 {
			r.drop(q)
			r.report.Facts[q.Fact].Predicted += q.times
		}
	}
}
