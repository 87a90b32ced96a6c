package replay_test

import (
	"bytes"
	"context"
	"testing"

	"switchyard/replay"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

// crowds has a shell fork children, which all live at one time, then has them exit; and again.
func crowds(children, rounds int) []byte {
	var out perfwrite.Buffer
	w, err := perfwrite.New(&out, perfwrite.Options{})
	if err != nil {
		panic(err)
	}
	idle, sh := perfwrite.Task{Comm: "swapper/0"}, perfwrite.Task{PID: 1, TGID: 1, Comm: "sh"}
	now := uint64(1000)
	tick := func() uint64 { now += 100; return now }
	w.Switch(tick(), 0, idle, sh, perfwrite.Running)
	child := func(round, i int) perfwrite.Task {
		pid := int32(10 + round*children + i)
		return perfwrite.Task{PID: pid, TGID: pid, Comm: "child"}
	}
	for round := range rounds {
		for i := range children {
			w.TaskFork(perfwrite.At{Time: tick(), Current: sh}, sh, child(round, i))
			w.Switch(tick(), 0, sh, child(round, i), perfwrite.Running)
			w.Switch(tick(), 0, child(round, i), sh, perfwrite.Interruptible)
		}
		for i := range children {
			w.Switch(tick(), 0, sh, child(round, i), perfwrite.Running)
			w.TaskExit(perfwrite.At{Time: tick(), Current: child(round, i)}, sh, child(round, i))
			w.Switch(tick(), 0, child(round, i), sh, perfwrite.Dead)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Data
}

func TestTheMachineGrowsAndReusesWhatIsDead(t *testing.T) {
	const children = 2000
	var slots [2]int
	for i, rounds := range []int{1, 4} {
		in, err := trace.NewReader(bytes.NewReader(crowds(children, rounds)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := replay.Run(context.Background(), in, replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		consistent(t, res)
		equal(t, "created", res.Stats.MMsCreated, uint64(children*rounds))
		equal(t, "freed", res.Stats.MMsFreed, uint64(children*rounds))
		equal(t, "live", res.LiveMMs, 1)
		equal(t, "left out", res.Input.Skipped, 0)
		equal(t, "unknown", res.Input.Facts.Unknown, 2+4*uint64(children*rounds)) // nobody introduced the shell, which every switch rests on
		slots[i] = res.Config.Tasks
		if res.Config.Tasks < children || res.Config.MMs < children {
			t.Errorf("room for %d tasks and %d address spaces, %d lived at one time", res.Config.Tasks, res.Config.MMs, children)
		}
	}
	if slots[0] != slots[1] {
		t.Errorf("%d slots for one round, %d for four", slots[0], slots[1])
	}
}
