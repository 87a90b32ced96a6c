package replay_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/replay/sample"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

// bundled replays the bundled recording.
func bundled(t *testing.T, opts replay.Options) *replay.Result {
	t.Helper()
	data, err := sample.Open()
	if err != nil {
		t.Fatal(err)
	}
	in, err := trace.NewReader(data)
	if err != nil {
		t.Fatal(err)
	}
	res, err := replay.Run(context.Background(), in, opts)
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, res)
	if res.Stats.Switches != res.Input.Switches || res.Input.Switches < 200_000 || res.Input.CPUs < 2 {
		t.Errorf("%d switches of %d on %d CPUs", res.Stats.Switches, res.Input.Switches, res.Input.CPUs)
	}
	return res
}

// busy replays a CPU on which processes take turns, each interrupted by a kernel worker and by the
// idle task, which go back to it; one in ten execs.
func busy(t *testing.T, processes int, opts replay.Options) *replay.Result {
	t.Helper()
	var out perfwrite.Buffer
	w, err := perfwrite.New(&out, perfwrite.Options{Release: "6.12.1"})
	if err != nil {
		t.Fatal(err)
	}
	idle, worker := perfwrite.Task{Comm: "swapper/0"}, perfwrite.Task{PID: 7, TGID: 7, Comm: "kworker/0:1"}
	prev := idle
	for i := range turnsTaken {
		pid := int32(100 + i%processes)
		p := perfwrite.Task{PID: pid, TGID: pid, Comm: "p"}
		now := uint64(1000 + 1000*i)
		w.Switch(now, 0, prev, p, perfwrite.Interruptible)
		if i%10 == 0 {
			w.Exec(perfwrite.At{Time: now + 100, Current: p}, pid, "/bin/p")
		}
		w.Switch(now+200, 0, p, worker, perfwrite.Interruptible)
		w.Switch(now+300, 0, worker, idle, perfwrite.Idle)
		w.Switch(now+400, 0, idle, p, perfwrite.Running)
		prev = p
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	in, err := trace.NewReader(bytes.NewReader(out.Data))
	if err != nil {
		t.Fatal(err)
	}
	res, err := replay.Run(context.Background(), in, opts)
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, res)
	want := kinds{otherMM: turnsTaken - 1, toKernel: turnsTaken, kernel: turnsTaken, kernelSame: turnsTaken, kernelOther: 1}
	if opts.Lazy == machine.LazyOff { // nobody borrows, so nobody goes back to what was borrowed
		want.kernelSame, want.kernelOther = 0, turnsTaken+1
	}
	want.check(t, &res.Stats)
	return res
}

const turnsTaken = 900

// Address spaces for which the six PCID slots, and the 255 ASIDs of 8 bits, are enough and not enough.
const few, many = 4, 300

// TestDefaultsAreTheRecordedMachine: the sample is of Linux 6.12 on amd64.
func TestDefaultsAreTheRecordedMachine(t *testing.T) {
	c := bundled(t, replay.Options{}).Config
	want := machine.Config{Release: machine.V6_12, Arch: machine.X86, CPUs: 2, PCID: true,
		Tasks: c.Tasks, MMs: c.MMs, StackDepth: c.StackDepth, TLBSlots: c.TLBSlots}
	if c != want {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
}

func TestFiguresFollowX86Options(t *testing.T) {
	usual := busy(t, few, replay.Options{}).Stats
	plain := busy(t, few, replay.Options{PCID: no()}).Stats
	pti := busy(t, few, replay.Options{PTI: yes()}).Stats
	off := busy(t, few, replay.Options{Lazy: machine.LazyOff}).Stats
	equal(t, "kept by tag without PCID", plain.KeptByTag, 0)
	if plain.FullFlushes < plain.Loads || usual.KeptByTag == 0 || usual.FullFlushes >= plain.FullFlushes {
		t.Errorf("with PCID %d flushes for %d loads, %d kept; without %d for %d", usual.FullFlushes, usual.Loads, usual.KeptByTag, plain.FullFlushes, plain.Loads)
	}
	if pti.UserTableFlushes == 0 || usual.UserTableFlushes != 0 {
		t.Errorf("user tables flushed: %d with PTI, %d without", pti.UserTableFlushes, usual.UserTableFlushes)
	}
	equal(t, "loads avoided with lazy off", off.LoadsAvoided, 0)
	if off.Loads <= usual.Loads {
		t.Errorf("%d loads with lazy off, %d with lazy TLB", off.Loads, usual.Loads)
	}
	for _, s := range []machine.Stats{plain, pti, off} {
		if s.Switches != usual.Switches || s.UserToKernel != usual.UserToKernel || s.MMsCreated != usual.MMsCreated {
			t.Error("an option has changed the schedule")
		}
	}
}

func TestFiguresFollowASIDBits(t *testing.T) {
	eight := busy(t, many, replay.Options{Arch: on(machine.ARM64), ASIDBits: 8}).Stats
	sixteen := busy(t, many, replay.Options{Arch: on(machine.ARM64)}).Stats
	pairs := busy(t, many, replay.Options{Arch: on(machine.ARM64), ASIDBits: 8, KPTI: true}).Stats
	equal(t, "rollovers with 16 bits", sixteen.Rollovers, 0)
	if eight.Rollovers == 0 || pairs.Rollovers <= eight.Rollovers {
		t.Errorf("rollovers: %d with 8 bits, %d with half of them", eight.Rollovers, pairs.Rollovers)
	}
	equal(t, "loads", eight.Loads, sixteen.Loads)
	if eight.FullFlushes <= sixteen.FullFlushes {
		t.Errorf("full flushes: %d with rollovers, %d without", eight.FullFlushes, sixteen.FullFlushes)
	}
}

func TestFiguresFollowReleases(t *testing.T) {
	classic := on(machine.Classic)
	grabs := map[machine.Release]uint64{}
	var kernel uint64
	for _, r := range machine.Releases() {
		s := busy(t, few, replay.Options{Arch: classic, Release: of(r)}).Stats
		grabs[r], kernel = s.Grabs, s.KernelToKernel
	}
	equal(t, "grabs in 2.6.32", grabs[machine.V2_6_32], grabs[machine.V5_0])
	equal(t, "grabs in 6.12", grabs[machine.V6_12], grabs[machine.V6_1])
	equal(t, "grabs saved since 5.4", grabs[machine.V5_0]-grabs[machine.V6_1], kernel)
	lazy := busy(t, few, replay.Options{Arch: classic, Lazy: machine.LazyShootdown})
	if lazy.Stats.Grabs != 0 || lazy.Outlived.Count != 0 {
		t.Errorf("shootdown: %d grabs, %d outlived", lazy.Stats.Grabs, lazy.Outlived.Count)
	}
}

func TestLazyOffLoadsWhatWasAvoided(t *testing.T) {
	usual := busy(t, few, replay.Options{Arch: on(machine.Classic)}).Stats
	off := busy(t, few, replay.Options{Arch: on(machine.Classic), Lazy: machine.LazyOff}).Stats
	equal(t, "loads avoided", usual.LoadsAvoided, 2*turnsTaken)
	equal(t, "loads with lazy off", off.Loads, usual.Loads+usual.LoadsAvoided)
}

func TestOptionsOfAnotherArchitecture(t *testing.T) {
	for _, c := range []struct {
		opts replay.Options
		want string
	}{
		{replay.Options{Arch: on(machine.ARM64), PCID: yes()}, "pcid: arm64 has no such thing"},
		{replay.Options{Arch: on(machine.X86), ASIDBits: 8, PAN: true}, "asid_bits, pan: x86-64 has no such thing"},
		{replay.Options{CPUs: 5000}, "cpus = 5000"},
		{replay.Options{Arch: on(machine.ARM64), Release: of(machine.V2_6_32)}, "arm64 needs release 4.4"},
		{replay.Options{Lazy: machine.LazyShootdown, Release: of(machine.V4_4)}, "shootdown needs release 6.12"},
	} {
		in, err := trace.NewReader(strings.NewReader(strings.TrimLeft(turns, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Run(context.Background(), in, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.opts, err, c.want)
		}
	}
}

// Registers change no figure but the number of steps.
func TestRegistersChangeNoFigure(t *testing.T) {
	arm := machine.ARM64
	opts := replay.Options{Arch: &arm}
	plain := bundled(t, opts)
	opts.Registers = true
	on := bundled(t, opts)
	if !on.Config.Registers || on.Stats.Steps <= plain.Stats.Steps {
		t.Error("registers are not on")
	}
	on.Config, on.Stats.Steps = plain.Config, plain.Stats.Steps
	if d := cmp.Diff(plain, on); d != "" {
		t.Errorf("results differ:\n%s", d)
	}
}
