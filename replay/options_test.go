package replay_test

import (
	"context"
	"strings"
	"testing"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/replay/sample"
	"switchyard/trace"
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
	usual := bundled(t, replay.Options{}).Stats
	plain := bundled(t, replay.Options{PCID: no()}).Stats
	pti := bundled(t, replay.Options{PTI: yes()}).Stats
	off := bundled(t, replay.Options{Lazy: machine.LazyOff}).Stats
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
	eight := bundled(t, replay.Options{Arch: on(machine.ARM64), ASIDBits: 8}).Stats
	sixteen := bundled(t, replay.Options{Arch: on(machine.ARM64)}).Stats
	pairs := bundled(t, replay.Options{Arch: on(machine.ARM64), ASIDBits: 8, KPTI: true}).Stats
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
		s := bundled(t, replay.Options{Arch: classic, Release: of(r)}).Stats
		grabs[r], kernel = s.Grabs, s.KernelToKernel
	}
	equal(t, "grabs in 2.6.32", grabs[machine.V2_6_32], grabs[machine.V5_0])
	equal(t, "grabs in 6.12", grabs[machine.V6_12], grabs[machine.V6_1])
	equal(t, "grabs saved since 5.4", grabs[machine.V5_0]-grabs[machine.V6_1], kernel)
	lazy := bundled(t, replay.Options{Arch: classic, Lazy: machine.LazyShootdown})
	if lazy.Stats.Grabs >= grabs[machine.V6_12] || lazy.Outlived.Count != 0 {
		t.Errorf("shootdown: %d grabs, %d outlived", lazy.Stats.Grabs, lazy.Outlived.Count)
	}
}

func TestLazyOffLoadsWhatWasAvoided(t *testing.T) {
	usual := bundled(t, replay.Options{Arch: on(machine.Classic)})
	off := bundled(t, replay.Options{Arch: on(machine.Classic), Lazy: machine.LazyOff})
	// A task that exits leaves its address space there and then, which lazy TLB has no avoided load for.
	more := off.Stats.Loads - usual.Stats.Loads
	if avoided := usual.Stats.LoadsAvoided; more < avoided || more > avoided+off.Stats.MMsFreed+6000 {
		t.Errorf("%d loads more, %d were avoided", more, avoided)
	}
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
