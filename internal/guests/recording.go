package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/guests/debian"
	"switchyard/internal/guests/sysroot"
	"switchyard/internal/guests/workload"
)

// counts is what perf itself says is in a recording.
type counts struct {
	Events   map[string]int // by name, without the "sched:"
	Switches map[int]int    // by CPU
	Names    []string       // every task's name
	Lost     int
}

// Total is the number of switches on all CPUs.
func (c counts) Total() int {
	total := 0
	for _, n := range c.Switches {
		total += n
	}
	return total
}

// checkRecording has perf read the recording and refuses one that lost events, or that names a task which belongs
// neither to the guest's kernel nor to the load.
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
	if strangers := strangers(c.Names); len(strangers) > 0 {
		return counts{}, fmt.Errorf("the recording names tasks that are neither the kernel's nor the load's: %q", strangers)
	}
	return c, nil
}

// hostPerf is perf for this machine, run from its package: it need not be installed.
func hostPerf(ctx context.Context) (func(context.Context, ...string) *exec.Cmd, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	archive, err := debian.Open(ctx, cache, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	pkg, err := archive.UnpackWithDependencies(ctx, "linux-perf")
	if err != nil {
		return nil, err
	}
	files, err := sysroot.Closure(pkg.Dir, "/usr/bin/perf")
	if err != nil {
		return nil, err
	}
	var linker string
	dirs := map[string]bool{}
	for _, file := range files[1:] {
		if strings.HasPrefix(filepath.Base(file.Path), "ld-linux") {
			linker = file.Host
		}
		dirs[filepath.Join(pkg.Dir, filepath.Dir(file.Path))] = true
	}
	path := strings.Join(slices.Sorted(maps.Keys(dirs)), ":")
	return func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, linker, append([]string{"--library-path", path, files[0].Host}, args...)...)
	}, nil
}

// pipeTo runs a command and reads its output while it is made.
func pipeTo(cmd *exec.Cmd, read func(io.Reader) error) error {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, complaint.String())
	}
	return readErr
}

// A line of perf script: the task, the CPU, the time, the event and its fields. Records of perf's own have no event but a
// type; those that name tasks are read too, because perf lists every thread of the system when it starts.
var (
	scriptLine = regexp.MustCompile(`^\s*(.*?)\s+-?\d+\s+\[(\d+)\]\s+[\d.]+:\s+sched:(\w+):\s(.*)$`)
	ownRecord  = regexp.MustCompile(`: PERF_RECORD_(\w+)(.*)$`)
	commRecord = regexp.MustCompile(`^(?: exec)?: (.*):\d+/\d+$`)
	nameFields = regexp.MustCompile(`\b(?:prev_|next_|parent_|child_)?comm=(.*?) (?:prev_|next_|parent_|child_)?pid=`)
)

// placeholder is what perf prints for a task without a name. The last events of an exiting task are such: it has given back
// its number already, and the event's header says -1. The fields of the event name it all the same.
var placeholder = regexp.MustCompile(`^:-?\d+$`)

func countScript(r io.Reader) (counts, error) {
	c := counts{Events: map[string]int{}, Switches: map[int]int{}}
	names := map[string]bool{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if record := ownRecord.FindStringSubmatch(lines.Text()); record != nil {
			c.addRecord(record[1], record[2], names)
		} else if fields := scriptLine.FindStringSubmatch(lines.Text()); fields != nil {
			c.addEvent(fields[1], fields[2], fields[3], fields[4], names)
		} else {
			return c, fmt.Errorf("perf script printed a line that is no event: %q", lines.Text())
		}
	}
	c.Names = slices.Sorted(maps.Keys(names))
	if err := lines.Err(); err != nil {
		return c, err
	}
	if len(c.Events) == 0 {
		return c, errors.New("the recording holds no event")
	}
	return c, nil
}

func (c *counts) addRecord(kind, text string, names map[string]bool) {
	if strings.HasPrefix(kind, "LOST") {
		c.Lost++
	}
	if comm := commRecord.FindStringSubmatch(text); kind == "COMM" && comm != nil {
		names[comm[1]] = true
	}
}

func (c *counts) addEvent(task, cpu, event, text string, names map[string]bool) {
	c.Events[event]++
	if event == "sched_switch" {
		number, _ := strconv.Atoi(cpu) // the pattern lets only digits through
		c.Switches[number]++
	}
	if !placeholder.MatchString(task) {
		names[task] = true
	}
	for _, name := range nameFields.FindAllStringSubmatch(text, -1) {
		names[name[1]] = true
	}
}

// kernelName matches the kernel's own threads, and the idle tasks.
var kernelName = regexp.MustCompile(`^(swapper(/\d+)?|kthreadd|kworker/.*|ksoftirqd/\d+|migration/\d+|cpuhp/\d+|idle_inject/\d+|` +
	`rcu_\w+|rcu[a-z]/\d+|kdevtmpfs|kauditd|khungtaskd|oom_reaper|kcompactd\d+|ksmd|khugepaged|kswapd\d+|watchdogd|` +
	`pool_workqueue_.*|loop\d+|irq/.*)$`)

// strangers are the names of tasks that should not be in a guest: it runs nothing but init, perf and the load.
func strangers(names []string) []string {
	own := append(workload.Names(), "init", "perf", "perf-exec")
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(own, name) || kernelName.MatchString(name)
	})
}
