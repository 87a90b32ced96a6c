//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"switchyard/internal/guests/workload"
)

// checkRecording has perf read the recording and refuses one that lost events, in which a CPU's switches do not follow from
// each other, or that names a task which belongs neither to the guest's kernel nor to the load.
func checkRecording(ctx context.Context, recording string) (counts, error) {
	perf, err := hostPerf(ctx)
	if err != nil {
		return counts{}, err
	}
	var c counts
	err = pipeTo(perf(ctx, "script", "--force", "-i", recording, "--show-lost-events", "--show-task-events",
		"-F", "comm,tid,cpu,time,event,trace"),
		func(r io.Reader) (err error) { c, err = countScript(r); return err })
	if err != nil {
		return counts{}, err
	}
	if c.Lost > 0 {
		return counts{}, fmt.Errorf("the recording reports lost events %d times: it is not fit to be a sample", c.Lost)
	}
	if len(c.Breaks) > 0 {
		return counts{}, fmt.Errorf("switches are missing though none was reported lost; %d breaks, the first: %s", len(c.Breaks), c.Breaks[0])
	}
	if strangers := strangers(c.Others); len(strangers) > 0 {
		return counts{}, fmt.Errorf("the recording names tasks that are neither the kernel's nor the load's: %q", strangers)
	}
	return c, nil
}

// strangers are those of the names that should not be in a guest: beside its kernel it runs nothing but init, perf and the
// load.
func strangers(names []string) []string {
	own := append(workload.Names(), "init", "perf", "perf-exec")
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(own, name) })
}
