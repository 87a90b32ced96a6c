//go:build linux

package main

import (
	"fmt"
	"strings"

	"switchyard/record/verify"
)

// print shows one guest's result.
func (c *cell) print() {
	r := c.report
	fmt.Printf("  %s: %d switches, %d lost, %d gaps, %d rollovers\n", c.release, r.Switches, r.Dropped, r.Gaps, r.Rollovers)
	r.Each(func(f verify.Fact, t verify.Tally) {
		fmt.Printf("  %-12s %8d checked, %8d predicted (%d within an interval), %.4f %%\n", f, t.Checked, t.Predicted, t.Interval, t.Percent())
	})
	for i, n := range r.Causes {
		if n == 0 {
			continue
		}
		fmt.Printf("  %s: %d\n", verify.Cause(i).Text(), n)
		for _, m := range r.Mismatches[i] {
			fmt.Printf("    %v\n", m)
		}
	}
	for i, v := range r.Violations {
		if i < verify.Shown {
			fmt.Printf("  rule broken: %s\n", v)
		}
	}
}

// fidelity is the table of all guests.
func fidelity(cells []cell) string {
	var text strings.Builder
	text.WriteString(fidelityHead)
	facts := []verify.Fact{}
	for f := range verify.Fact(len(verify.Report{}.Facts)) {
		for _, c := range cells {
			if c.report.Facts[f].Checked > 0 {
				facts = append(facts, f)
				break
			}
		}
	}
	text.WriteString("| kernel | CPUs | switches | lost | rollovers |")
	for _, f := range facts {
		fmt.Fprintf(&text, " %s |", f)
	}
	text.WriteString(" mismatches by cause |\n|---|---|---|---|---|" + strings.Repeat("---|", len(facts)) + "---|\n")
	for _, c := range cells {
		r := c.report
		fmt.Fprintf(&text, "| %s | %d | %d | %d | %d |", c.release, c.cpus, r.Switches, r.Dropped+r.Gaps, r.Rollovers)
		for _, f := range facts {
			if t := r.Facts[f]; t.Checked > 0 {
				fmt.Fprintf(&text, " %.3f %% |", floor(t.Percent()))
			} else {
				text.WriteString(" – |")
			}
		}
		var causes []string
		for i, n := range r.Causes {
			if n > 0 {
				causes = append(causes, fmt.Sprintf("%s %d", verify.Cause(i).Text(), n))
			}
		}
		if len(causes) == 0 {
			causes = []string{"none"}
		}
		fmt.Fprintf(&text, " %s |\n", strings.Join(causes, ", "))
	}
	return text.String()
}

// floor cuts off, so that 100 % means all.
func floor(percent float64) float64 { return float64(int(percent*1000)) / 1000 }

const fidelityHead = `# How often the machine predicts what a kernel did

Written by ` + "`go run ./internal/guests matrix --out docs/predictions.md`" + `; do not edit. Each kernel is Debian's, booted under QEMU's
software emulation with transparent_hugepage=never, and recorded while a mixed load runs; where there are rollovers, while so
many children are forked that arm64's ASIDs are used up. The machine is driven by the schedule alone; of each fact the share of switches is given
at which it was what the kernel had. Percentages are cut off, not rounded: 100 means every one. On several CPUs a count
is an interval while another CPU is between its event and what it does then.

Emulation has no PCID, so x86's slots are those of a CPU without: one. A recording made on a machine with PCID is verified
with all six in use, but holds the generation of the loaded one only.

`
