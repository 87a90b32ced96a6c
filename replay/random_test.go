package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"switchyard/invariant"
	"switchyard/machine"
	"switchyard/replay"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

// chaos writes a recording of things that happen in no particular order: switches from whoever does not
// run, forks of pids in use, exits of tasks that run elsewhere, losses.
func chaos(r *rand.Rand, events int) []byte {
	var out perfwrite.Buffer
	cpus := 1 + r.IntN(4)
	w, err := perfwrite.New(&out, perfwrite.Options{CPUs: cpus})
	if err != nil {
		panic(err)
	}
	c := &chaotic{Rand: r, Writer: w, running: make([]perfwrite.Task, cpus), lies: r.IntN(30)}
	for i := range events {
		c.event(uint64(1_000_000 + 1000*i))
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Data
}

type chaotic struct {
	*rand.Rand
	*perfwrite.Writer
	running []perfwrite.Task
	lies    int // per cent
}

func (c *chaotic) task() perfwrite.Task {
	pid := int32(c.IntN(24))
	t := perfwrite.Task{PID: pid, TGID: pid, Comm: fmt.Sprint("t", pid)}
	switch {
	case pid == 2:
		t.Comm = "kthreadd"
	case pid%5 == 0 && pid > 0:
		t.Comm = "kworker/x"
	case pid%3 == 0 && pid > 3:
		t.TGID = pid - 1 - pid%2
	}
	return t
}

var states = []uint64{perfwrite.Running, perfwrite.Running | perfwrite.Preempted, perfwrite.Interruptible, perfwrite.Uninterruptible, perfwrite.Idle, perfwrite.Dead, perfwrite.Zombie}

func (c *chaotic) event(time uint64) {
	cpu := c.IntN(len(c.running))
	who := c.running[cpu]
	if c.IntN(100) < c.lies {
		who = c.task()
	}
	at := perfwrite.At{Time: time, CPU: cpu, Current: who}
	switch n := c.IntN(100); {
	case n < 55:
		next := c.task()
		c.Switch(time, cpu, who, next, states[c.IntN(len(states))])
		c.running[cpu] = next
	case n < 65:
		c.Wakeup(at, c.task(), c.IntN(len(c.running)+1))
	case n < 72:
		c.fork(at, c.task())
	case n < 78:
		c.Exec(at, who.PID, "/bin/x")
	case n < 80:
		c.Exec(at, c.task().PID, "/bin/x")
	case n < 82:
		c.TaskComm(at, who, c.IntN(2) == 0)
	case n < 88:
		c.Exit(at)
	case n < 91:
		c.Free(at, c.task())
	case n < 94:
		c.Lost(at, uint64(c.IntN(50)))
	case n < 97:
		c.Mmap(at, c.task(), 0x1000, 0x1000, "/bin/x")
	default:
		c.Migrate(at, c.task(), 0, cpu)
	}
}

func (c *chaotic) fork(at perfwrite.At, child perfwrite.Task) {
	if c.IntN(2) == 0 {
		flags := []uint64{0x1200011, 0x4111, 0x3d0f00, 0x100}
		c.NewTask(at, child, flags[c.IntN(len(flags))])
	}
	if c.IntN(4) > 0 {
		c.Fork(at, child)
	}
}

// TestAnyRecordingIsReplayed holds what must hold of every replay, however little sense the recording
// makes: no rule is broken, every switch is counted once, no address space is lost.
func TestAnyRecordingIsReplayed(t *testing.T) {
	configs := 0
	for _, arch := range []machine.Arch{machine.X86, machine.ARM64, machine.Classic} {
		for _, release := range machine.Releases() {
			for _, lazy := range []machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown, machine.LazyOff} {
				opts := replay.Options{Arch: &arch, Release: &release, Lazy: lazy}
				if arch == machine.ARM64 {
					opts.ASIDBits = 8
				}
				if !buildable(opts) {
					continue
				}
				configs++
				t.Run(fmt.Sprintf("%s/%s/%s", arch, release, lazy), func(t *testing.T) {
					for seed := range uint64(4) {
						anyRecording(t, opts, seed)
					}
				})
			}
		}
	}
	if configs < 30 {
		t.Errorf("only %d machines could be built", configs)
	}
}

func buildable(opts replay.Options) bool {
	in, err := trace.NewReader(strings.NewReader(strings.TrimLeft(turns, "\n")))
	if err != nil {
		panic(err)
	}
	res, _ := replay.Run(context.Background(), in, opts)
	return res != nil
}

func anyRecording(t *testing.T, opts replay.Options, seed uint64) {
	t.Helper()
	data := chaos(rand.New(rand.NewPCG(seed, 1)), 800)
	in, err := trace.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	opts.Check = func(s *machine.State, cpu machine.CPUID, report invariant.Report) {
		invariant.CheckCPU(s, cpu, report)
		invariant.CheckAll(s, report)
	}
	res, err := replay.Run(context.Background(), in, opts)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	consistent(t, res)
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
}

func FuzzReplayText(f *testing.F) {
	for _, text := range []string{turns, life, vfork, threads, threadExec, kthreadd, lost, twoPlaces} {
		f.Add([]byte(strings.TrimLeft(text, "\n")))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := trace.NewReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		arch := machine.Classic
		res, err := replay.Run(context.Background(), in, replay.Options{Arch: &arch})
		var damage *trace.DamageError
		if err != nil && !errors.As(err, &damage) {
			t.Fatal(err)
		}
		consistent(t, res)
	})
}
