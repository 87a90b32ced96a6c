package verify

import (
	"bytes"
	"testing"

	"switchyard/machine"
	"switchyard/record/tape"
)

// A CPU that is kept from reading an address space's counts for milliseconds finds what others made of them meanwhile, also
// those that came to it only then.
func TestWhatIsReadLateIsAnInterval(t *testing.T) {
	const (
		a, b, c = tape.MMID(10), tape.MMID(11), tape.MMID(12)
		us      = 1000
	)
	task := func(pid uint32, mm, active tape.MMID) tape.Task {
		return tape.Task{PID: pid, TGID: pid, MM: mm, ActiveMM: active}
	}
	mm := func(id tape.MMID, users, count int32) tape.MM {
		return tape.MM{ID: id, Users: users, Count: count, Ctx: 1<<16 | uint64(id)}
	}
	leaves := func(at int64, cpu uint16, prev, next tape.Task, active, user tape.MM) tape.Event {
		return tape.Event{Kind: tape.Switch, Time: at * us, CPU: cpu, Prev: prev, Next: next, Active: active, User: user}
	}
	late := leaves(2000, 1, task(30, c, c), task(11, a, a), mm(c, 1, 1), mm(a, 1, 1))
	late.Arg = 2000
	exits := tape.Event{Kind: tape.Exit, Time: 2500 * us, CPU: 0, Prev: task(10, tape.NoMM, a), Active: mm(a, 1, 2)}
	rows := []tape.Event{
		leaves(1000, 0, task(10, a, a), task(20, b, b), mm(a, 2, 1), mm(b, 1, 1)),
		leaves(1100, 1, task(11, a, a), task(30, c, c), mm(a, 2, 1), mm(c, 1, 1)),
		late, // two threads have a, and one of them ends while this is read
		leaves(2200, 0, task(20, b, b), task(10, a, a), mm(b, 1, 1), mm(a, 2, 1)),
		exits,
		leaves(2600, 0, task(10, tape.NoMM, a), task(20, b, b), mm(a, 1, 2), mm(b, 1, 1)),
		leaves(5000, 1, task(11, a, a), task(30, c, c), mm(a, 1, 1), mm(c, 1, 1)),
		leaves(5100, 0, task(20, b, b), task(30, c, c), mm(b, 1, 1), mm(c, 1, 1)),
	}
	var file bytes.Buffer
	w := tape.NewWriter(&file, kind{arch: machine.ARM64}.meta())
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := verified(t, &file, Options{})
	if r.Causes != (Report{}).Causes {
		t.Errorf("causes %v: %+v", r.Causes, r.Mismatches)
	}
	for _, f := range []Fact{ActiveMM, Users, Count} {
		if tally := r.Facts[f]; tally.Checked == 0 || tally.Predicted != tally.Checked {
			t.Errorf("%s was predicted %d times of %d", f, tally.Predicted, tally.Checked)
		}
	}
}
