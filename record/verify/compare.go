package verify

import (
	"fmt"

	"switchyard/record/tape"
)

// counts compares what a switch found of an address space.
func (r *run) counts(e *tape.Event, s *space, v *tape.MM) {
	mm := &r.m.S.MMs[s.id]
	r.count(e, Users, s, mm.Users, v.Users)
	r.count(e, Count, s, mm.Count, v.Count)
}

func (r *run) count(e *tape.Event, f Fact, s *space, predicted, observed int32) {
	tally := &r.report.Facts[f]
	tally.Checked++
	diff := observed - predicted
	s.latest[f] = diff
	if diff == 0 {
		tally.Predicted++
		if f == Count {
			s.since = 0
		}
		return
	}
	on := int(e.CPU)
	lo, hi := r.inFlight(s, f, on)
	wlo, whi := r.window(s, f)
	if lo+wlo <= diff && diff <= hi+whi {
		tally.Predicted++
		tally.Interval++
		return
	}
	m := r.about(e, f, s, fmt.Sprint(predicted), fmt.Sprint(observed))
	if r.huge(s, f, diff) {
		tally.Predicted++
		tally.Interval++
		return
	}
	wait := r.explainable(s, on)
	mayFork := f == Users && diff > 0
	// What took long to read may have been changed by a CPU that comes to the address space only then.
	slow := e.Arg > 0 && r.report.CPUs > 1
	if (len(wait) > 0 || mayFork || slow) && !s.disturbed {
		for _, p := range s.pending {
			if p.Fact == f && p.diff == diff && p.on == on {
				p.times++
				return
			}
		}
		p := &doubt{Mismatch: m, space: s, diff: diff, times: 1, on: on, read: e.Time + span(e), until: e.Time + span(e), wait: wait}
		if mayFork {
			p.until += forkTakes
		}
		r.doubts, s.pending = append(r.doubts, p), append(s.pending, p)
		return
	}
	r.takeOver(&m, s, diff)
}

// span is how late an event may have been read, in ns.
func span(e *tape.Event) int64 { return (int64(e.Arg) + 1) << 10 }

// window is by how much a count may differ because a task is on its way out: it has taken the loan that it will end
// with, or given up its use, but is not seen without its mm; or it takes the mappings down and all users' one
// reference is not dropped yet.
func (r *run) window(s *space, f Fact) (lo, hi int32) {
	if f == Users {
		return -s.exiting, s.leaving
	}
	hi = s.exiting
	if r.mayBeTorn(s) {
		hi++
	}
	return 0, hi
}

// mayBeTorn tells whether an address space's mappings are being taken down, were or are yet to be: a task that was seen
// without it may have given up its use already, and another one then is the last user in the machine, or not.
func (r *run) mayBeTorn(s *space) bool {
	return s.tearing || s.leaving > 0 && r.m.S.MMs[s.id].Users == 0
}

// huge models khugepaged: while huge pages are always on it takes one reference, some time after an address space is
// made and once, and gives it back when the last user goes.
func (r *run) huge(s *space, f Fact, diff int32) bool {
	mm := &r.m.S.MMs[s.id]
	switch {
	case f != Count:
		return false
	case s.khugepaged == mayTake && diff == 1 && mm.Users > 0:
		s.khugepaged = holds
	case s.khugepaged == holds && diff == -1 && mm.Users == 0:
		s.khugepaged = gaveBack
	default:
		return false
	}
	mm.Count += diff
	mm.ExtCount += diff
	return true
}

// takeOver files a difference and continues with the kernel's count.
func (r *run) takeOver(m *Mismatch, s *space, diff int32) {
	mm := &r.m.S.MMs[s.id]
	m.Cause = Outside
	if m.Fact == Users {
		mm.Users += diff
		mm.ExtUsers += diff
	} else {
		mm.Count += diff
		mm.ExtCount += diff
	}
	s.latest[m.Fact] = 0
	switch {
	case s.disturbed:
		m.Cause = EventLost
	case mm.ExtUsers < 0 || mm.ExtCount < 0 && mm.Users > 0:
		// Fewer than the tasks and loans that the machine knows one by one: with one CPU there is no other reason.
		m.Cause = InFlight
		if r.report.CPUs == 1 {
			m.Cause = OurFault
		}
	}
	r.mismatch(m, s)
}

func (r *run) about(e *tape.Event, f Fact, s *space, predicted, observed string) Mismatch {
	m := Mismatch{Fact: f, Event: r.report.Events - 1, Time: e.Time, CPU: int(e.CPU), Prev: e.Prev.PID, Next: e.Next.PID, Predicted: predicted, Observed: observed}
	if s != nil {
		m.MM = uint32(s.name)
	}
	return m
}

// mismatch files a wrong prediction. One of a count that is somebody else's as far as can be told waits for the end: if
// it follows most operations of one kind, it was the machine's after all.
func (r *run) mismatch(m *Mismatch, s *space) {
	if (m.Cause == Outside || m.Cause == InFlight) && s != nil && (m.Fact == Count || m.Fact == Users) {
		r.suspects = append(r.suspects, suspect{*m, s.since})
		s.since = 0
		if len(r.suspects) > maxSuspects {
			r.judge()
		}
		return
	}
	r.file(m)
}

func (r *run) file(m *Mismatch) {
	r.report.Causes[m.Cause]++
	if shown := &r.report.Mismatches[m.Cause]; len(*shown) < Shown {
		*shown = append(*shown, *m)
	}
}

// operation is a kind of work that changes counts.
type operation uint8

const (
	switching operation = iota
	toKernel            // of them, from a user task to one that borrows
	toUser              // from one that borrows to a user task
	forking
	execing
	exiting
	usingMM
	operations
)

type suspect struct {
	Mismatch
	since uint16 // operations on the address space since its count was last right
}

const (
	maxSuspects = 1 << 20
	// A reference from outside is as likely before one kind of operation as before another. One that comes with
	// more than this share of all operations of a kind, and more than a few times, is the operation's own.
	faultShare = 0.5
	faultLeast = 5
)

// judge files the suspects.
func (r *run) judge() {
	var follows [operations]uint64
	for _, s := range r.suspects {
		for op := range follows {
			if s.since == 1<<op {
				follows[op]++
			}
		}
	}
	for i := range r.suspects {
		s := &r.suspects[i]
		for op, n := range follows {
			if s.since == 1<<op && n >= faultLeast && float64(n) > faultShare*float64(r.ops[op]) {
				s.Cause = OurFault
			}
		}
		r.file(&s.Mismatch)
	}
	r.suspects = nil
}
