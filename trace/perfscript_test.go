package trace

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// switchLines gives every switch of a recording in one line each.
func switchLines(t *testing.T, path string) []string {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lines []string
	var e Event
	for {
		err := r.Next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == Switch {
			lines = append(lines, fmt.Sprintf("%d.%09d [%d] %s/%d %s ==> %s/%d", e.Time/1e9, e.Time%1e9, e.CPU,
				e.Prev.Comm, e.Prev.PID, e.State, e.Next.Comm, e.Next.PID))
		}
	}
	if lost := r.Losses().String(); lost != "" {
		t.Logf("losses: %s", lost)
	}
	return lines
}

var scriptSwitch = regexp.MustCompile(`\[(\d+)\]\s+(\d+\.\d+):.* prev_comm=(.*) prev_pid=(\d+) prev_prio=\d+ prev_state=(\S+) ==> next_comm=(.*) next_pid=(\d+)`)

// scriptLines asks perf for the same.
func scriptLines(t *testing.T, path string) []string {
	t.Helper()
	cmd := exec.Command("perf", "script", "--ns", "-i", path, "-F", "comm,pid,tid,cpu,time,event,trace")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		m := scriptSwitch.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		cpu := strings.TrimLeft(m[1], "0")
		if cpu == "" {
			cpu = "0"
		}
		lines = append(lines, fmt.Sprintf("%s [%s] %s/%s %s ==> %s/%s", m[2], cpu, m[3], m[4], m[5], m[6], m[7]))
	}
	return lines
}

// TestAgainstPerfScript records this machine, which needs perf and the right to do so, and compares
// every switch with what perf itself prints.
func TestAgainstPerfScript(t *testing.T) {
	if testing.Short() {
		t.Skip("recording takes seconds")
	}
	if _, err := exec.LookPath("perf"); err != nil {
		t.Skip("perf is not installed")
	}
	for name, args := range map[string][]string{
		"file":             {"-e", "sched:sched_switch,sched:sched_wakeup", "-a"},
		"compressed":       {"-z", "-e", "sched:sched_switch,sched:sched_wakeup", "-a"},
		"pipe":             {"-e", "sched:sched_switch", "-a", "-o", "-"},
		"pipe, compressed": {"-z", "-e", "sched:sched_switch", "-a", "-o", "-"},
		"call chains":      {"-g", "-e", "sched:sched_switch", "-a"},
		"other events":     {"-e", "{sched:sched_switch,cpu-clock}:S", "-a"},
		"monotonic clock":  {"-k", "CLOCK_MONOTONIC", "-e", "sched:sched_switch", "-a"},
		"per task":         {"-e", "sched:sched_switch"},
	} {
		t.Run(name, func(t *testing.T) {
			path := record(t, args)
			got, want := switchLines(t, path), scriptLines(t, path)
			if len(want) == 0 {
				t.Fatal("perf script shows no switches")
			}
			compareLines(t, got, want)
			t.Logf("%d switches are the same", len(got))
		})
	}
}

func record(t *testing.T, args []string) string {
	t.Helper()
	path := t.TempDir() + "/perf.data"
	toStdout := args[len(args)-1] == "-"
	args = append([]string{"record", "-q"}, args...)
	if !toStdout {
		args = append(args, "-o", path)
	}
	cmd := exec.Command("perf", append(args, "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.002 | true; done")...)
	if toStdout {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout = f
	}
	if err := cmd.Run(); err != nil {
		t.Skipf("perf record does not work here: %v", err)
	}
	return path
}

func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("event %d:\n got %s\nwant %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d switches, perf script shows %d", len(got), len(want))
	}
}
