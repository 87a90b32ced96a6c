package report_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/report"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

var update = flag.Bool("update", false, "rewrite the golden files with what is printed now")

// A recording for every part of the report, by what is in it.
var recordings = []struct {
	name string
	opts replay.Options
	fill func(*perfwrite.Writer)
}{
	{"shell", replay.Options{}, shell},
	{"shell-arm64", replay.Options{Arch: named(machine.ARM64), ASIDBits: 8}, shell},
	{"losses", replay.Options{}, losses},
}

func named[T any](v T) *T { return &v }

var (
	idle0   = perfwrite.Task{Comm: "swapper/0"}
	idle1   = perfwrite.Task{Comm: "swapper/1"}
	sh      = perfwrite.Task{PID: 100, TGID: 100, Comm: "sh"}
	shChild = perfwrite.Task{PID: 101, TGID: 101, Comm: "sh"}
	ls      = perfwrite.Task{PID: 101, TGID: 101, Comm: "ls"}
	app     = perfwrite.Task{PID: 200, TGID: 200, Comm: "app"}
	thread  = perfwrite.Task{PID: 201, TGID: 200, Comm: "app"}
	kthread = perfwrite.Task{PID: 2, TGID: 2, Comm: "kthreadd"}
	worker  = perfwrite.Task{PID: 7, TGID: 7, Comm: "kworker/0:1"}
)

// introduce is what perf says about the tasks that it finds.
func introduce(w *perfwrite.Writer) {
	for _, t := range []struct{ parent, task perfwrite.Task }{{idle0, kthread}, {kthread, worker}, {sh, sh}, {sh, app}, {app, thread}} {
		w.TaskFork(perfwrite.At{}, t.parent, t.task)
		w.TaskComm(perfwrite.At{}, t.task, false)
	}
}

// shell: a shell forks a program, threads of another process run on both CPUs, a kernel worker in between.
func shell(w *perfwrite.Writer) {
	introduce(w)
	w.Switch(1000, 0, idle0, sh, perfwrite.Running)
	w.Switch(1100, 1, idle1, app, perfwrite.Running)
	at := perfwrite.At{Time: 2000, CPU: 0, Current: sh}
	w.TaskFork(at, sh, shChild)
	w.Fork(at, shChild)
	w.WakeupNew(at, shChild, 0)
	w.Switch(2500, 0, sh, shChild, perfwrite.Interruptible)
	w.Exec(perfwrite.At{Time: 3000, CPU: 0, Current: ls}, ls.PID, "/bin/ls")
	w.Switch(3500, 0, ls, thread, perfwrite.Running|perfwrite.Preempted)
	w.Switch(4000, 0, thread, worker, perfwrite.Interruptible)
	w.Switch(4200, 1, app, idle1, perfwrite.Interruptible)
	w.Switch(4500, 0, worker, ls, perfwrite.Idle)
	w.Exit(perfwrite.At{Time: 5000, CPU: 0, Current: ls})
	w.Switch(5500, 0, ls, idle0, perfwrite.Zombie)
	w.Switch(6000, 1, idle1, thread, perfwrite.Running)
	w.Switch(7000, 0, idle0, sh, perfwrite.Running)
	w.Free(perfwrite.At{Time: 7500, CPU: 0, Current: sh}, ls)
}

// losses: events are dropped, and what follows does not fit.
func losses(w *perfwrite.Writer) {
	introduce(w)
	w.Switch(1000, 0, idle0, sh, perfwrite.Running)
	w.Lost(perfwrite.At{Time: 1500, CPU: 0, Current: sh}, 12)
	w.Switch(2000, 0, app, sh, perfwrite.Interruptible)
	w.Switch(2500, 0, sh, sh, perfwrite.Interruptible)
	w.Switch(3000, 0, sh, idle0, perfwrite.Interruptible)
}

func result(t *testing.T, opts replay.Options, fill func(*perfwrite.Writer)) *replay.Result {
	t.Helper()
	var out perfwrite.Buffer
	w, err := perfwrite.New(&out, perfwrite.Options{CPUs: 2, Release: "6.12.1"})
	if err != nil {
		t.Fatal(err)
	}
	fill(w)
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
	return res
}

func TestGolden(t *testing.T) {
	for _, r := range recordings {
		t.Run(r.name, func(t *testing.T) {
			r.opts.File = r.name + ".perf.data"
			res := result(t, r.opts, r.fill)
			var text, json bytes.Buffer
			if err := report.WriteRun(report.Terminal(&text), res); err != nil {
				t.Fatal(err)
			}
			if err := report.WriteRunJSON(&json, res); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text.String(), "\x1b") {
				t.Error("colours where there is no terminal")
			}
			golden(t, r.name+".txt", text.String())
			golden(t, r.name+".json", json.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

func TestViolationsAreTold(t *testing.T) {
	res := result(t, replay.Options{File: "x"}, shell)
	res.Violations = []replay.Violation{{Rule: "I8", CPU: 1, Time: 5500, Offset: 4096, Step: "__mmdrop/mm_free_pgd", Detail: "a root was freed"}}
	res.ViolationCount = 3
	var text bytes.Buffer
	if err := report.WriteRun(report.Terminal(&text), res); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"I8", "CPU 1 at 5500 ns (byte 4096): a root was freed", "__mmdrop/mm_free_pgd", "and 2 more"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, text.String())
		}
	}
	all := report.NewRunJSON(res).Violations
	if len(all) != 2 || all[1].Rule != "more" || !strings.HasPrefix(all[1].Detail, "2 further") {
		t.Errorf("violations in JSON: %+v", all)
	}
}
