package replay_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/trace"
)

// replayed runs a schedule written as ftrace text. The first line may be empty.
func replayed(t *testing.T, text string, opts replay.Options) *replay.Result {
	t.Helper()
	in, err := trace.NewReader(strings.NewReader(strings.TrimLeft(text, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	res, err := replay.Run(context.Background(), in, opts)
	if err != nil {
		t.Fatal(err)
	}
	consistent(t, res)
	return res
}

// consistent checks what holds for every replay.
func consistent(t *testing.T, res *replay.Result) {
	t.Helper()
	for _, v := range res.Violations {
		t.Errorf("cpu %d at %d ns: %s: %s (%s)", v.CPU, v.Time, v.Rule, v.Detail, v.Step)
	}
	s, f := &res.Stats, &res.Input.Facts
	if six := s.UserToSameMM + s.UserToOtherMM + s.UserToKernel + s.KernelToKernel + s.KernelToSameMM + s.KernelToOtherMM; s.Switches != six {
		t.Errorf("%d switches, but the six kinds are %d", s.Switches, six)
	}
	if s.Switches > res.Input.Switches || s.Switches+res.Input.Skipped < res.Input.Switches {
		t.Errorf("%d switches recorded, %d replayed, %d events left out", res.Input.Switches, s.Switches, res.Input.Skipped)
	}
	if all := f.Exact + f.Derived + f.Unknown; all != 3*s.Switches {
		t.Errorf("%d facts for %d switches, want three for each", all, s.Switches)
	}
	if res.ExistedMM+s.MMsCreated-s.MMsFreed != res.LiveMMs {
		t.Errorf("address spaces: %d existed, %d created, %d freed, %d left", res.ExistedMM, s.MMsCreated, s.MMsFreed, res.LiveMMs)
	}
}

// kinds are the six figures of the switches in the order of the report.
type kinds struct{ sameMM, otherMM, toKernel, kernel, kernelSame, kernelOther uint64 }

func (want kinds) check(t *testing.T, s *machine.Stats) {
	t.Helper()
	got := kinds{s.UserToSameMM, s.UserToOtherMM, s.UserToKernel, s.KernelToKernel, s.KernelToSameMM, s.KernelToOtherMM}
	if got != want {
		t.Errorf("switches\n got %+v\nwant %+v", got, want)
	}
}

func on(a machine.Arch) *machine.Arch       { return &a }
func of(r machine.Release) *machine.Release { return &r }
func yes() *bool                            { b := true; return &b }
func no() *bool                             { return new(bool) }
func equal(t *testing.T, what string, got, want uint64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %d, want %d", what, got, want)
	}
}

// Two processes, a kernel thread and the idle task take turns on one CPU.
const turns = `
           <idle>-0     [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
                a-10    [000] d..2.     1.000100: sched_switch: prev_comm=a prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=b next_pid=20 next_prio=120
                b-20    [000] d..2.     1.000200: sched_switch: prev_comm=b prev_pid=20 prev_prio=120 prev_state=R+ ==> next_comm=kworker/0:1 next_pid=30 next_prio=120
      kworker/0:1-30    [000] d..2.     1.000300: sched_switch: prev_comm=kworker/0:1 prev_pid=30 prev_prio=120 prev_state=I ==> next_comm=b next_pid=20 next_prio=120
                b-20    [000] d..2.     1.000400: sched_switch: prev_comm=b prev_pid=20 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
           <idle>-0     [000] d..2.     1.000500: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=kworker/0:1 next_pid=30 next_prio=120
      kworker/0:1-30    [000] d..2.     1.000600: sched_switch: prev_comm=kworker/0:1 prev_pid=30 prev_prio=120 prev_state=I ==> next_comm=a next_pid=10 next_prio=120
`

func TestSixKinds(t *testing.T) {
	res := replayed(t, turns, replay.Options{Arch: on(machine.Classic)})
	kinds{otherMM: 1, toKernel: 2, kernel: 1, kernelSame: 1, kernelOther: 2}.check(t, &res.Stats)
	equal(t, "loads", res.Stats.Loads, 3)                // idle → a, a → b, kworker → a
	equal(t, "loads avoided", res.Stats.LoadsAvoided, 3) // b → kworker → b, b → idle
	equal(t, "grabs", res.Stats.Grabs, 2)
	equal(t, "drops", res.Stats.Drops, 3) // the first is of init_mm
	equal(t, "existed", res.ExistedMM, 2)
	equal(t, "created", res.Stats.MMsCreated, 0)
	equal(t, "peak", uint64(res.PeakCount), 2)
	equal(t, "span", res.Input.Span, 600_000)
	equal(t, "breaks", res.Input.Breaks, 0)
	// a and b were never introduced; that kworker/0:1 is a kernel thread, its name says.
	equal(t, "unknown", res.Input.Facts.Unknown, 4+7) // next: a b b a; prev stood on init_mm (nobody saw), a, b, …
}

func TestKernelToKernelPaysBefore54(t *testing.T) {
	old := replayed(t, turns, replay.Options{Arch: on(machine.Classic), Release: of(machine.V5_0)})
	now := replayed(t, turns, replay.Options{Arch: on(machine.Classic), Release: of(machine.V6_1)})
	equal(t, "grabs in 5.0", old.Stats.Grabs, now.Stats.Grabs+1)
	equal(t, "drops in 5.0", old.Stats.Drops, now.Stats.Drops+1)
}

func TestWithoutLazyTLB(t *testing.T) {
	lazy := replayed(t, turns, replay.Options{Arch: on(machine.Classic)})
	eager := replayed(t, turns, replay.Options{Arch: on(machine.Classic), Lazy: machine.LazyOff})
	equal(t, "loads avoided", eager.Stats.LoadsAvoided, 0)
	equal(t, "loads", eager.Stats.Loads, lazy.Stats.Loads+lazy.Stats.LoadsAvoided)
}

// A process forks, the child execs and exits; a kernel thread still stands on its address space.
const life = `
           <idle>-0     (-------) [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=sh next_pid=10 next_prio=120
               sh-10    (     10) [000] d..2.     1.000100: sched_process_fork: comm=sh pid=10 child_comm=sh child_pid=11
               sh-10    (     10) [000] d..2.     1.000110: sched_wakeup_new: comm=sh pid=11 prio=120 target_cpu=000
               sh-10    (     10) [000] d..2.     1.000200: sched_switch: prev_comm=sh prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=sh next_pid=11 next_prio=120
               sh-11    (     11) [000] d..2.     1.000300: sched_process_exec: filename=/bin/ls pid=11 old_pid=11
               ls-11    (     11) [000] d..2.     1.000400: sched_switch: prev_comm=ls prev_pid=11 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
           <idle>-0     (-------) [000] d..2.     1.000500: sched_wakeup: comm=ls pid=11 prio=120 target_cpu=000
           <idle>-0     (-------) [000] d..2.     1.000600: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=ls next_pid=11 next_prio=120
               ls-11    (     11) [000] d..2.     1.000700: sched_process_exit: comm=ls pid=11 prio=120
               ls-11    (     11) [000] d..2.     1.000800: sched_switch: prev_comm=ls prev_pid=11 prev_prio=120 prev_state=Z ==> next_comm=rcu_preempt next_pid=5 next_prio=120
      rcu_preempt-5     (      5) [000] d..2.     1.001000: sched_switch: prev_comm=rcu_preempt prev_pid=5 prev_prio=120 prev_state=I ==> next_comm=sh next_pid=10 next_prio=120
               sh-10    (     10) [000] d..2.     1.002000: sched_process_free: comm=ls pid=11 prio=120
`

func TestForkExecExit(t *testing.T) {
	res := replayed(t, life, replay.Options{Arch: on(machine.Classic)})
	equal(t, "existed", res.ExistedMM, 1)
	equal(t, "created", res.Stats.MMsCreated, 2) // the fork's and the exec's
	equal(t, "freed", res.Stats.MMsFreed, 2)
	equal(t, "live", res.LiveMMs, 1)
	// The fork's ends with the exec, at once. The exec's ends when rcu_preempt returns the loan.
	o := res.Outlived
	if o.Count != 1 || o.Ended != 1 || o.Longest != 300_000 {
		t.Errorf("outlived: %+v, want one, for 300 µs", o)
	}
	if len(o.Holders) != 1 || o.Holders[0].Who != "rcu_preempt" {
		t.Errorf("held by %+v, want rcu_preempt", o.Holders)
	}
	kinds{otherMM: 1, toKernel: 1, kernel: 1, kernelSame: 1, kernelOther: 2}.check(t, &res.Stats)
}

func TestShootdownLetsNothingOutliveItsUsers(t *testing.T) {
	res := replayed(t, life, replay.Options{Arch: on(machine.Classic), Lazy: machine.LazyShootdown, Release: of(machine.V6_12)})
	equal(t, "outlived", res.Outlived.Count, 0)
	equal(t, "freed", res.Stats.MMsFreed, 2)
	equal(t, "grabs", res.Stats.Grabs, 0)
}

func TestExitWithoutItsEvent(t *testing.T) {
	var lines []string
	for line := range strings.Lines(life) {
		if !strings.Contains(line, "sched_process_exit") && !strings.Contains(line, "sched_process_free") {
			lines = append(lines, line)
		}
	}
	res := replayed(t, strings.Join(lines, ""), replay.Options{Arch: on(machine.Classic)})
	equal(t, "freed", res.Stats.MMsFreed, 2)
	equal(t, "outlived", res.Outlived.Count, 1)
}

// Parent and child by vfork: the parent sleeps in D until the child execs.
const vfork = `
           <idle>-0     (-------) [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=make next_pid=10 next_prio=120
             make-10    (     10) [000] d..2.     1.000100: task_newtask: pid=11 comm=make clone_flags=4111 oom_score_adj=0
             make-10    (     10) [000] d..2.     1.000110: sched_process_fork: comm=make pid=10 child_comm=make child_pid=11
             make-10    (     10) [000] d..2.     1.000200: sched_switch: prev_comm=make prev_pid=10 prev_prio=120 prev_state=D ==> next_comm=make next_pid=11 next_prio=120
             make-11    (     11) [000] d..2.     1.000300: sched_wakeup: comm=make pid=10 prio=120 target_cpu=000
             make-11    (     11) [000] d..2.     1.000310: sched_process_exec: filename=/bin/cc pid=11 old_pid=11
               cc-11    (     11) [000] d..2.     1.000400: sched_switch: prev_comm=cc prev_pid=11 prev_prio=120 prev_state=R+ ==> next_comm=make next_pid=10 next_prio=120
             make-10    (     10) [000] d..2.     1.000500: sched_switch: prev_comm=make prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=cc next_pid=11 next_prio=120
`

func TestVfork(t *testing.T) {
	res := replayed(t, vfork, replay.Options{Arch: on(machine.Classic)})
	kinds{sameMM: 1, otherMM: 2, kernelOther: 1}.check(t, &res.Stats)
	equal(t, "created", res.Stats.MMsCreated, 1) // by the exec alone
}

// Threads by flags; the process ends when both have left.
const threads = `
           <idle>-0     (-------) [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=app next_pid=10 next_prio=120
              app-10    (     10) [000] d..2.     1.000050: sched_process_exec: filename=/bin/app pid=10 old_pid=10
              app-10    (     10) [000] d..2.     1.000100: task_newtask: pid=11 comm=app clone_flags=3d0f00 oom_score_adj=0
              app-10    (     10) [000] d..2.     1.000110: sched_process_fork: comm=app pid=10 child_comm=app child_pid=11
           <idle>-0     (-------) [001] d..2.     1.000200: sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=app next_pid=11 next_prio=120
              app-10    (     10) [000] d..2.     1.000300: sched_process_exit: comm=app pid=10 prio=120
              app-10    (     10) [000] d..2.     1.000310: sched_switch: prev_comm=app prev_pid=10 prev_prio=120 prev_state=Z ==> next_comm=swapper/0 next_pid=0 next_prio=120
              app-11    (     10) [001] d..2.     1.000400: sched_process_exit: comm=app pid=11 prio=120
              app-11    (     10) [001] d..2.     1.000410: sched_switch: prev_comm=app prev_pid=11 prev_prio=120 prev_state=X ==> next_comm=swapper/1 next_pid=0 next_prio=120
`

func TestThreadsShareAndExit(t *testing.T) {
	res := replayed(t, threads, replay.Options{Arch: on(machine.Classic)})
	equal(t, "created", res.Stats.MMsCreated, 1) // the exec's; the one before ends with it
	equal(t, "freed", res.Stats.MMsFreed, 1)
	equal(t, "outlived", res.Outlived.Count, 1)
	equal(t, "outlived and gone", res.Outlived.Ended, 0) // both idle tasks stand on it
	equal(t, "peak", uint64(res.PeakCount), 2)
	kinds{kernelOther: 2, kernel: 2}.check(t, &res.Stats)
}

// A thread of a process execs: it takes over the process's pid.
const threadExec = `
           <idle>-0     (-------) [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=app next_pid=10 next_prio=120
              app-10    (     10) [000] d..2.     1.000100: task_newtask: pid=11 comm=app clone_flags=3d0f00 oom_score_adj=0
              app-10    (     10) [000] d..2.     1.000200: sched_switch: prev_comm=app prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=app next_pid=11 next_prio=120
              app-11    (     10) [000] d..2.     1.000300: sched_switch: prev_comm=app prev_pid=11 prev_prio=120 prev_state=S ==> next_comm=app next_pid=10 next_prio=120
              app-10    (     10) [000] d..2.     1.000310: sched_process_exit: comm=app pid=10 prio=120
              app-10    (     10) [000] d..2.     1.000400: sched_switch: prev_comm=app prev_pid=10 prev_prio=120 prev_state=Z ==> next_comm=app next_pid=11 next_prio=120
              new-10    (     10) [000] d..2.     1.000500: sched_process_exec: filename=/bin/new pid=10 old_pid=11
              new-10    (     10) [000] d..2.     1.000600: sched_switch: prev_comm=new prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
`

func TestThreadTakesOverThePid(t *testing.T) {
	res := replayed(t, threadExec, replay.Options{Arch: on(machine.Classic)})
	equal(t, "breaks", res.Input.Breaks, 0)
	equal(t, "created", res.Stats.MMsCreated, 1)
	equal(t, "freed", res.Stats.MMsFreed, 1)
	equal(t, "live", res.LiveMMs, 1)
}

// kthreadd makes a kernel thread whose name would not give it away.
const kthreadd = `
           <idle>-0     [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=kthreadd next_pid=2 next_prio=120
         kthreadd-2     [000] d..2.     1.000100: sched_process_fork: comm=kthreadd pid=2 child_comm=kthreadd child_pid=40
         kthreadd-2     [000] d..2.     1.000200: sched_switch: prev_comm=kthreadd prev_pid=2 prev_prio=120 prev_state=S ==> next_comm=myworker next_pid=40 next_prio=120
         myworker-40    [000] d..2.     1.000300: sched_switch: prev_comm=myworker prev_pid=40 prev_prio=120 prev_state=X ==> next_comm=swapper/0 next_pid=0 next_prio=120
`

func TestChildrenOfKthreadd(t *testing.T) {
	res := replayed(t, kthreadd, replay.Options{Arch: on(machine.Classic)})
	kinds{kernel: 3}.check(t, &res.Stats)
	equal(t, "loads", res.Stats.Loads, 0)
	equal(t, "unknown", res.Input.Facts.Unknown, 3) // what was loaded before the first event
}

// Events are lost on CPU 0; afterwards b runs where a should.
const lost = `
           <idle>-0     [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
                a-10    [000] d..2.     1.000100: sched_process_exec: filename=/bin/a pid=10 old_pid=10
                a-10    [000] d..2.     1.000200: sched_switch: prev_comm=a prev_pid=10 prev_prio=120 prev_state=R+ ==> next_comm=swapper/0 next_pid=0 next_prio=120
           <idle>-0     [000] d..2.     1.000300: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
CPU:0 [LOST 7 EVENTS]
                b-20    [000] d..2.     1.000900: sched_switch: prev_comm=b prev_pid=20 prev_prio=120 prev_state=S ==> next_comm=a next_pid=10 next_prio=120
                a-10    [000] d..2.     1.001000: sched_process_exec: filename=/bin/a2 pid=10 old_pid=10
                a-10    [000] d..2.     1.001100: sched_switch: prev_comm=a prev_pid=10 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
`

func TestLostEventsMakeUnknownUntilKnown(t *testing.T) {
	res := replayed(t, lost, replay.Options{Arch: on(machine.Classic)})
	equal(t, "lost", res.Input.Lost, 7)
	equal(t, "breaks", res.Input.Breaks, 1)
	equal(t, "switches", res.Stats.Switches, 5)
	// Unknown: what the first idle task stood on and what a was then; what b stood on, and whether a is still a.
	equal(t, "unknown", res.Input.Facts.Unknown, 2+2)
	kinds{kernelOther: 1, toKernel: 2, kernelSame: 1, otherMM: 1}.check(t, &res.Stats)
}

// Task a is switched to on CPU 1 although nobody saw it leave CPU 0.
const twoPlaces = `
           <idle>-0     [000] d..2.     1.000000: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
           <idle>-0     [001] d..2.     1.000100: sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=10 next_prio=120
                b-20    [000] d..2.     1.000200: sched_switch: prev_comm=b prev_pid=20 prev_prio=120 prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120
`

func TestOneTaskOnTwoCPUsIsABreak(t *testing.T) {
	res := replayed(t, twoPlaces, replay.Options{Arch: on(machine.Classic)})
	equal(t, "breaks", res.Input.Breaks, 1)
	equal(t, "switches", res.Stats.Switches, 3)
	equal(t, "CPUs", uint64(res.Input.CPUs), 2)
}

func TestMoreCPUsThanTheMachineHas(t *testing.T) {
	res := replayed(t, twoPlaces, replay.Options{Arch: on(machine.Classic), CPUs: 1})
	equal(t, "left out", res.Input.Skipped, 1)
	equal(t, "lost", res.Input.Lost, 1)
	equal(t, "switches", res.Stats.Switches, 2)
	if len(res.Input.Skips) != 1 || !strings.Contains(res.Input.Skips[0], "--cpus") {
		t.Errorf("reasons %q", res.Input.Skips)
	}
}

func TestCancelledReplayKeepsWhatItHas(t *testing.T) {
	in, err := trace.NewReader(bytes.NewReader([]byte(strings.TrimLeft(turns, "\n"))))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res, err := replay.Run(ctx, in, replay.Options{Arch: on(machine.Classic)})
	if err != context.Canceled || res == nil || res.Input.Ended == nil {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestObserve(t *testing.T) {
	in, err := trace.NewReader(strings.NewReader(strings.TrimLeft(turns, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	res, err := replay.Run(context.Background(), in, replay.Options{Arch: on(machine.Classic), Observe: func(m *replay.Moment) replay.Verdict {
		told = append(told, m.Task(m.Prev)+" to "+m.Task(m.Next))
		return replay.Verdict{Stop: m.N == 3}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(told, "; "), "swapper/0 to a/10; a/10 to b/20; b/20 to kworker/0:1/30"; got != want {
		t.Errorf("observed %q, want %q", got, want)
	}
	equal(t, "switches", res.Stats.Switches, 2)
}
