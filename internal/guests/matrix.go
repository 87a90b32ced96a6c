//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/guests/job"
	"switchyard/record/verify"
)

// grid is which guests are recorded and verified.
type grid struct {
	kernels []string
	on      []string
	cpus    []int
	percent int
	forks   int
	filters int
	out     string
	keep    string
	again   bool
	exact   bool
	timeout time.Duration
}

// cell is what came of one guest.
type cell struct {
	release string
	on      platform
	cpus    int
	report  *verify.Report
}

const matrixData = "/tmp/load.arrow"

// moduleLoads is how often a module is loaded during the mixed load of a guest that has one.
const moduleLoads = "40"

func matrix() *cobra.Command {
	g := grid{}
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Record a mixed load on each kernel, hold the machine against it and print a table",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return g.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&g.kernels, "kernel", []string{"6.1", "6.12", "trixie-backports/7.3"}, "kernel series, or names of kernel packages, of bookworm or SUITE/…")
	flags.StringSliceVar(&g.on, "machine", platformNames(), "machines: the architecture, and whether it has process-context identifiers and page-table isolation")
	flags.IntSliceVar(&g.cpus, "cpus", []int{1, 2, 4}, "numbers of CPUs")
	flags.IntVar(&g.percent, "percent", 20, "amount of mixed load")
	flags.IntVar(&g.forks, "rollover", 33000, "forks on arm64 guests with one CPU, to use up all ASIDs; 0: none")
	flags.IntVar(&g.filters, "filters", 0, "packet filters attached during the mixed load: flushes and switches of address spaces that no schedule shows")
	flags.StringVar(&g.out, "out", "", "document whose tables are replaced, as docs/fidelity.md; otherwise they are only printed")
	flags.StringVar(&g.keep, "keep", "", "keep the guests' files below this directory")
	flags.BoolVar(&g.again, "again", false, "verify what --keep has kept instead of booting guests")
	flags.BoolVar(&g.exact, "exact", false, "fail unless every fact of every guest was predicted, as it is on one CPU")
	flags.DurationVar(&g.timeout, "timeout", 20*time.Minute, "how long each guest may run")
	return cmd
}

// run boots one guest after the other. One that fails does not keep the others from running.
func (g grid) run(ctx context.Context) error {
	var cells []cell
	var failed error
	for _, name := range g.on {
		on, err := findPlatform(name)
		if err != nil {
			return err
		}
		for _, kernel := range g.kernels {
			for _, cpus := range g.cpus {
				fmt.Printf("%s %s, %d CPUs\n", kernel, name, cpus)
				c, err := g.cell(ctx, kernel, on, cpus)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s %s with %d CPUs: %w", kernel, name, cpus, err))
					fmt.Printf("  failed: %v\n", err)
					continue
				}
				if err := c.report.Write(os.Stdout); err != nil {
					return err
				}
				cells = append(cells, c)
			}
		}
	}
	all := tables(cells)
	for _, t := range all {
		fmt.Print(t.text)
	}
	if g.out != "" {
		failed = errors.Join(failed, rewrite(g.out, all))
	}
	if slices.ContainsFunc(cells, func(c cell) bool { return c.report.Fault() }) {
		failed = errors.Join(failed, errors.New("the machine was wrong: see what is our fault above"))
	}
	if g.exact {
		failed = errors.Join(failed, exact(cells))
	}
	return failed
}

// exact says which guests had a fact that was not predicted, or lost something.
func exact(cells []cell) error {
	var failed error
	for _, c := range cells {
		c.report.Each(func(f verify.Fact, t verify.Tally) {
			if t.Predicted != t.Checked {
				failed = errors.Join(failed, fmt.Errorf("%s with %d CPUs: %d of %d values of %s were not predicted", c.release, c.cpus, t.Checked-t.Predicted, t.Checked, f))
			}
		})
		if n := c.report.Dropped + c.report.Gaps; n > 0 || c.report.Switches == 0 {
			failed = errors.Join(failed, fmt.Errorf("%s with %d CPUs: %d switches, %d events lost", c.release, c.cpus, c.report.Switches, n))
		}
	}
	return failed
}

// cell records and verifies on one guest.
func (g grid) cell(ctx context.Context, kernel string, on platform, cpus int) (cell, error) {
	dir, clean, err := g.workDir(fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(kernel, "/", "-"), on.name, cpus))
	if err != nil {
		return cell{}, err
	}
	defer clean()
	if g.again {
		report, err := verify.File(ctx, filepath.Join(dir, filepath.Base(matrixData)))
		if err != nil {
			return cell{}, err
		}
		return cell{release: report.Release, on: on, cpus: cpus, report: report}, nil
	}
	archive, which, err := openFor(ctx, kernel, on.arch)
	if err != nil {
		return cell{}, err
	}
	_, tree, err := fetchKernel(ctx, archive, which)
	if err != nil {
		return cell{}, err
	}
	guest := &guest{
		arch: on.arch, pcid: on.pcid, kernel: tree, modules: []string{"loop"}, cpus: cpus, timeout: g.timeout,
		append: strings.TrimSpace("transparent_hugepage=never " + on.append), steps: []job.Step{{Argv: g.load(on, cpus)}}, bring: []string{matrixData}, recorder: true, config: tree.Config,
	}
	if on.module != "" {
		guest.spare = []string{on.module}
	}
	if _, err := guest.run(ctx, dir); err != nil {
		return cell{}, err
	}
	report, err := verify.File(ctx, filepath.Join(dir, filepath.Base(matrixData)))
	return cell{release: tree.Release, on: on, cpus: cpus, report: report}, err
}

// load is the mix, and on one CPU of arm64 so many forks that the ASIDs are used up.
func (g grid) load(on platform, cpus int) []string {
	argv := []string{job.Recorder, matrixData}
	if on.arch == "arm64" && cpus == 1 && g.forks > 0 {
		return append(argv, "/bin/mix-forker", strconv.Itoa(g.forks/4), "4")
	}
	argv = append(argv, "/bin/mix", "-percent", strconv.Itoa(on.percent(g.percent)), "-disk", "/dev/"+job.Scratch, "-loop", "/tmp/loop.img")
	if on.module != "" {
		argv = append(argv, "-module", modulePath(on.module), "-loads", moduleLoads)
	}
	if g.filters > 0 {
		argv = append(argv, "-filters", strconv.Itoa(g.filters))
	}
	return argv
}

func (g grid) workDir(name string) (string, func(), error) {
	if g.keep != "" {
		dir := filepath.Join(g.keep, name)
		return dir, func() {}, os.MkdirAll(dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "switchyard-guest-")
	return dir, func() { os.RemoveAll(dir) }, err
}
