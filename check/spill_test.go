package check

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"switchyard/machine"
)

// roomy has more states than little holds: some 160,000.
var roomy = Setup{Release: machine.Newest, Actions: []string{"preempt", "sleep", "exec", "exit"}}

const little = 4 << 20

func left(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// With little memory states go to disk, and all that is found is what is found in memory. Nothing stays on
// disk.
func TestDiskMakesNoDifference(t *testing.T) {
	slowUnderRace(t)
	for _, c := range []struct {
		model  string
		setup  Setup
		memory int64
	}{
		{"context-switch", roomy, little},
		{"context-switch", Setup{Break: "exit-mm-without-grab"}, 1 << 21},
		{"context-switch", Setup{Break: "idle-exit-leaves-active-mm", NoReduction: true}, 1 << 21},
	} {
		c.setup.Release = machine.Newest
		for _, workers := range []int{1, 2} {
			dir := t.TempDir()
			whole := Search(context.Background(), buildModel(t, c.model, c.setup), Options{})
			r := Search(context.Background(), buildModel(t, c.model, c.setup), Options{Memory: c.memory, Spill: dir, Workers: workers})
			if r.Stopped != "" || r.DiskBytes == 0 {
				t.Errorf("%s: stopped %q with %d bytes on disk", c.model, r.Stopped, r.DiskBytes)
				continue
			}
			if whole.Found == nil && (r.Distinct != whole.Distinct || r.Generated != whole.Generated) || r.Depth != whole.Depth || rule(r) != rule(whole) {
				t.Errorf("%s: %d distinct, %d generated, depth %d, %q; in memory %d, %d, %d, %q", c.model, r.Distinct, r.Generated, r.Depth, rule(r),
					whole.Distinct, whole.Generated, whole.Depth, rule(whole))
			}
			if r.Found != nil && !slices.Equal(r.Found.Actions, whole.Found.Actions) {
				t.Errorf("%s: another way is told", c.model)
			}
			if r.PeakBytes > c.memory {
				t.Errorf("%s: %d bytes in memory", c.model, r.PeakBytes)
			}
			if n := left(t, dir); n != 0 {
				t.Errorf("%s: %d files are left", c.model, n)
			}
			t.Logf("%d states, %d bytes on disk", r.Distinct, r.DiskBytes)
		}
	}
}

// A disk that is full ends the search, with a reason, and so does a directory that is not there.
func TestDiskThatIsFull(t *testing.T) {
	s := roomy
	written := 0
	full := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite {
			if written++; written > 20 {
				return syscall.ENOSPC
			}
		}
		return nil
	}))
	dir := t.TempDir()
	r := Search(context.Background(), buildModel(t, "context-switch", s), Options{Memory: little, Spill: dir, fs: full, Workers: 1})
	if !strings.Contains(r.Stopped, "no space left on device") || !strings.Contains(r.Stopped, dir) {
		t.Errorf("stopped %q", r.Stopped)
	}
	if n := left(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
	r = Search(context.Background(), buildModel(t, "context-switch", s), Options{Memory: little, Spill: dir + "/none"})
	if !strings.Contains(r.Stopped, "no such file") {
		t.Errorf("stopped %q", r.Stopped)
	}
}

// Who interrupts a search finds nothing on disk, either.
func TestInterruptedSearchLeavesNothing(t *testing.T) {
	s := roomy
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	r := Search(ctx, buildModel(t, "context-switch", s), Options{Memory: little, Spill: dir, Every: 1e6, Progress: func(p Progress) {
		if p.Disk > 0 {
			cancel()
		}
	}})
	if r.Stopped != "interrupted" || r.Distinct == 0 {
		t.Errorf("stopped %q after %d states", r.Stopped, r.Distinct)
	}
	if n := left(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
