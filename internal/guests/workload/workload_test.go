//go:build linux

package workload

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test's own program be every role, as the guest's init is.
func TestMain(m *testing.M) {
	if role, ok := Role(os.Args[0]); ok {
		os.Exit(role.Main(os.Args[1:]))
	}
	// The race detector makes a program sleep for a second at its end; here many programs end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// bin makes a directory where the test's program goes by every role's name.
func bin(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range Names() {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// start runs a role and returns what it wrote. A role that does not end is killed: some could wait for each other for ever.
func start(t *testing.T, dir, role string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, role), args...)
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestEveryPartOfTheMixEnds(t *testing.T) {
	dir := bin(t)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"mix-ring 3 2 5", "mix-ring 1 1 1", "mix-group 3 2 100", "mix-threads 4 20", "mix-spawner 2 3", "mix-forker 3 4",
		"mix-leavers 3 3", "mix-spinner 5", "mix-sleeper 3", "mix-filter 3", "mix-writer " + disk + " 3", "mix -percent 1 -disk " + disk,
	} {
		t.Run(strings.Fields(line)[0], func(t *testing.T) {
			args := strings.Fields(line)
			if out, err := start(t, dir, args[0], args[1:]...); err != nil || out != "" {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		})
	}
	if info, err := os.Stat(disk); err != nil || info.Size() == 0 {
		t.Errorf("nothing was written to the disk: %v", err)
	}
}

func TestRolesRefuseWrongArguments(t *testing.T) {
	dir := bin(t)
	for line, want := range map[string]string{
		"mix-ring 3 2":         `want the arguments ["nodes" "tokens" "laps"]`,
		"mix-spinner 0":        `amount must be a whole number above 0, not "0"`,
		"mix-spinner many":     `not "many"`,
		"mix-child extra":      "want the arguments []",
		"mix-writer /dev/null": `want the arguments ["path" "writes"]`,
		"mix-module crc.ko":    `want the arguments ["module" "loads"]`,
		"mix-module crc.ko 0":  `not "0"`,
		"mix-writer /absent 1": "/absent: no such file",
		"mix-writer x -1":      "writes must be",
		"mix -percent 0":       "-percent must be above 0",
		"mix -percent x":       "invalid value",
		"mix now":              `unexpected argument "now"`,
	} {
		args := strings.Fields(line)
		out, err := start(t, dir, args[0], args[1:]...)
		if err == nil || !strings.HasPrefix(out, args[0]+": ") || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q; want %q", line, err, out, want)
		}
	}
}

func TestAPartThatFailsFailsTheMix(t *testing.T) {
	dir := bin(t)
	if err := os.Remove(filepath.Join(dir, "mix-node")); err != nil {
		t.Fatal(err)
	}
	if out, err := start(t, dir, "mix", "-percent", "1"); err == nil || !strings.Contains(out, "mix-node") {
		t.Errorf("a mix without nodes: %v, %q", err, out)
	}
}

func TestNamesFitTheKernel(t *testing.T) {
	const limit = 15 // TASK_COMM_LEN without its terminating zero
	for _, name := range Names() {
		if len(name) > limit {
			t.Errorf("the kernel would cut %q short", name)
		}
	}
}

func TestPercentKeepsEveryKindOfWork(t *testing.T) {
	small := Full.Percent(1)
	for i, amount := range small.all() {
		if *amount < 1 {
			t.Errorf("amount %d is %d at 1 percent", i, *amount)
		}
	}
	if small.Messages != Full.Messages/100 {
		t.Errorf("1 percent of %d messages is %d", Full.Messages, small.Messages)
	}
}
