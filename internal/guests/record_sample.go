//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/guests/debian"
	"switchyard/internal/guests/emulator"
	"switchyard/internal/guests/job"
)

// sample is the recording that is bundled with the project, and how it is made.
type sample struct {
	kernel  string
	arch    string
	cpus    int
	percent int
	out     string
	keep    string
	timeout time.Duration
}

// sampleEvents are what a reader needs to follow every task on every CPU from its first switch to its last.
var sampleEvents = []string{
	"sched:sched_switch",
	"sched:sched_wakeup",
	"sched:sched_wakeup_new",
	"sched:sched_process_fork",
	"sched:sched_process_exec",
	"sched:sched_process_exit",
	"sched:sched_process_free",
	"sched:sched_migrate_task",
}

const sampleData = "/tmp/sample.perf.data"

func recordSample() *cobra.Command {
	s := sample{}
	cmd := &cobra.Command{
		Use:   "record-sample",
		Short: "Record the mixed load in a guest and bundle the recording with the project",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			return s.make(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.kernel, "kernel", "6.12", "kernel series, or the name of a kernel package")
	flags.StringVar(&s.arch, "arch", "amd64", "architecture of the guest: amd64 or arm64")
	flags.IntVar(&s.cpus, "cpus", 2, "CPUs of the guest")
	flags.IntVar(&s.percent, "percent", 100, "amount of work")
	flags.StringVar(&s.out, "out", "replay/sample", "directory for the recording and its README")
	flags.StringVar(&s.keep, "keep", "", "keep the guest's files in this directory instead of a temporary one")
	flags.DurationVar(&s.timeout, "timeout", 10*time.Minute, "how long the guest may run")
	return cmd
}

// check refuses what would only fail after packages were fetched or a guest was booted.
func (s sample) check() error {
	if s.percent < 1 {
		return fmt.Errorf("--percent must be above 0, not %d", s.percent)
	}
	return emulator.Machine{Arch: s.arch, CPUs: s.cpus}.Check()
}

// make records, checks and bundles.
func (s sample) make(ctx context.Context) error {
	dir, clean, err := s.workDir()
	if err != nil {
		return err
	}
	defer clean()
	fmt.Printf("fetching the kernel %s for %s, and perf\n", s.kernel, s.arch)
	guest, kernel, perf, err := s.guest(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("booting %s with %d CPUs; the guest's console is in %s\n", guest.kernel.Release, s.cpus, filepath.Join(dir, "serial.log"))
	result, err := guest.run(ctx, dir)
	if err != nil {
		return err
	}
	recording := filepath.Join(dir, filepath.Base(sampleData))
	fmt.Printf("recorded in %.0f s; checking\n", result.Steps[0].Seconds)
	counts, err := checkRecording(ctx, recording)
	if err != nil {
		return err
	}
	return s.bundle(ctx, recording, provenance{
		Kernel: kernel, Perf: perf, Release: result.Kernel, Arch: s.arch, CPUs: result.CPUs,
		Command: strings.Join(result.Steps[0].Argv, " "), Percent: s.percent, Date: time.Now().UTC(), Counts: counts,
	})
}

func (s sample) workDir() (string, func(), error) {
	if s.keep != "" {
		return s.keep, func() {}, os.MkdirAll(s.keep, 0o755)
	}
	dir, err := os.MkdirTemp("", "switchyard-guest-")
	return dir, func() { os.RemoveAll(dir) }, err
}

// guest is the kernel with perf in it and one step: perf records while the mix runs.
func (s sample) guest(ctx context.Context) (*guest, debian.Package, debian.Package, error) {
	fail := func(err error) (*guest, debian.Package, debian.Package, error) {
		return nil, debian.Package{}, debian.Package{}, err
	}
	cache, err := cacheDir()
	if err != nil {
		return fail(err)
	}
	archive, err := debian.Open(ctx, cache, s.arch)
	if err != nil {
		return fail(err)
	}
	kernel, tree, err := fetchKernel(ctx, archive, s.kernel)
	if err != nil {
		return fail(err)
	}
	perf, err := archive.UnpackWithDependencies(ctx, "linux-perf")
	if err != nil {
		return fail(err)
	}
	g := &guest{
		arch: s.arch, kernel: tree, modules: []string{"loop"}, cpus: s.cpus, timeout: s.timeout,
		steps: []job.Step{{Argv: s.command()}},
		bring: []string{sampleData},
	}
	return g, kernel, perf, g.install(perf, "/usr/bin/perf")
}

// command records everything on every CPU. The buffers hold 32 MB a CPU, so that nothing is lost while perf itself waits
// for one; build-ids are left out because no code is looked at.
func (s sample) command() []string {
	return []string{"/usr/bin/perf", "record", "--all-cpus", "--mmap-pages", "8192", "--no-buildid",
		"--no-buildid-cache", "--event", strings.Join(sampleEvents, ","), "--output", sampleData, "--",
		"/bin/mix", "-percent", strconv.Itoa(s.percent), "-disk", "/dev/" + job.Scratch, "-loop", "/tmp/loop.img"}
}
