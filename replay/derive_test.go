package replay_test

import (
	"bytes"
	"context"
	"testing"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

var (
	idle  = perfwrite.Task{Comm: "swapper/0"}
	make0 = perfwrite.Task{PID: 10, TGID: 10, Comm: "make"}
	cc    = perfwrite.Task{PID: 11, TGID: 11, Comm: "cc"}
	as    = perfwrite.Task{PID: 12, TGID: 12, Comm: "as"}
)

// recorded replays what fill writes, on one CPU that runs make.
func recorded(t *testing.T, fill func(w *perfwrite.Writer)) *replay.Result {
	t.Helper()
	var out perfwrite.Buffer
	w, err := perfwrite.New(&out, perfwrite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.TaskFork(perfwrite.At{}, perfwrite.Task{PID: 1, TGID: 1}, make0)
	w.Switch(1000, 0, idle, make0, perfwrite.Running)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in, err := trace.NewReader(bytes.NewReader(out.Data))
	if err != nil {
		t.Fatal(err)
	}
	res, err := replay.Run(context.Background(), in, replay.Options{Arch: on(machine.Classic)})
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, res)
	equal(t, "breaks", res.Input.Breaks, 0)
	return res
}

func at(time uint64, who perfwrite.Task) perfwrite.At { return perfwrite.At{Time: time, Current: who} }

// Perf and the tracepoints both tell of a fork, an exec and an exit: each happens once.
func TestWhatIsToldTwiceHappensOnce(t *testing.T) {
	res := recorded(t, func(w *perfwrite.Writer) {
		w.TaskFork(at(1100, make0), make0, cc)
		w.Fork(at(1110, make0), cc)
		w.Switch(1200, 0, make0, cc, perfwrite.Interruptible)
		w.TaskComm(at(1300, cc), cc, true)
		w.Exec(at(1310, cc), cc.PID, "/bin/cc")
		w.TaskExit(at(1400, cc), make0, cc)
		w.Exit(at(1410, cc))
		w.Switch(1500, 0, cc, make0, perfwrite.Zombie)
		w.Free(at(1600, make0), cc)
	})
	equal(t, "created", res.Stats.MMsCreated, 2)
	equal(t, "freed", res.Stats.MMsFreed, 2)
	equal(t, "left out", res.Input.Skipped, 0)
}

// A parent that sleeps in D at once after a fork waits for a vfork child.
func TestVforkIsSeenByTheParentsSleep(t *testing.T) {
	res := recorded(t, func(w *perfwrite.Writer) {
		w.TaskFork(at(1100, make0), make0, cc)
		w.Switch(1200, 0, make0, cc, perfwrite.Uninterruptible)
		w.Wakeup(at(1300, cc), make0, 0)
		w.TaskComm(at(1310, cc), cc, true)
		w.Switch(1400, 0, cc, make0, perfwrite.Interruptible)
	})
	equal(t, "created", res.Stats.MMsCreated, 1)
	equal(t, "to the same", res.Stats.UserToSameMM, 1)
	equal(t, "unknown", res.Input.Facts.Unknown, 1)
}

// A parent that has gone on after a fork copies: when it sleeps in D later, it waits for something else.
func TestOneWhoCopiesDoesNotVfork(t *testing.T) {
	res := recorded(t, func(w *perfwrite.Writer) {
		w.TaskFork(at(1100, make0), make0, cc)
		w.Switch(1200, 0, make0, cc, perfwrite.Interruptible)
		w.Switch(1300, 0, cc, make0, perfwrite.Interruptible)
		w.TaskFork(at(1400, make0), make0, as)
		w.Switch(1500, 0, make0, as, perfwrite.Uninterruptible)
		w.Switch(1600, 0, as, make0, perfwrite.Interruptible)
	})
	equal(t, "created", res.Stats.MMsCreated, 2)
	equal(t, "to the same", res.Stats.UserToSameMM, 0)
}

// The vfork child is not seen to let go before its parent runs: it is made to, and no longer known.
func TestVforkParentThatRunsTooSoon(t *testing.T) {
	res := recorded(t, func(w *perfwrite.Writer) {
		w.TaskFork(at(1100, make0), make0, cc)
		w.Switch(1200, 0, make0, cc, perfwrite.Uninterruptible)
		w.Switch(1300, 0, cc, make0, perfwrite.Running|perfwrite.Preempted)
		w.Switch(1400, 0, make0, cc, perfwrite.Interruptible)
	})
	equal(t, "created", res.Stats.MMsCreated, 0)
	equal(t, "to the same", res.Stats.UserToSameMM, 3)
	equal(t, "existed", res.ExistedMM, 1)
}

// A pid that begins again belongs to another task; the first one's exit was lost.
func TestPidUsedAgain(t *testing.T) {
	res := recorded(t, func(w *perfwrite.Writer) {
		w.TaskFork(at(1100, make0), make0, cc)
		w.Switch(1200, 0, make0, cc, perfwrite.Interruptible)
		w.Switch(1300, 0, cc, make0, perfwrite.Interruptible)
		w.TaskFork(at(1400, make0), make0, cc)
		w.Switch(1500, 0, make0, cc, perfwrite.Interruptible)
		w.Switch(1600, 0, cc, idle, perfwrite.Interruptible)
	})
	equal(t, "created", res.Stats.MMsCreated, 2)
	equal(t, "freed", res.Stats.MMsFreed, 1)
	equal(t, "live", res.LiveMMs, 2)
}
