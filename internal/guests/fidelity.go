//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"

	"switchyard/record/verify"
)

// fidelity is the table of all guests.
func fidelity(cells []cell) string {
	var text strings.Builder
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

// The lines between which docs/fidelity.md has the table.
const (
	tableBegins = "<!-- written by go run ./internal/guests matrix -->\n"
	tableEnds   = "<!-- end of what it wrote -->\n"
)

// insert puts the table in the place of the one that a document has.
func insert(document, table string) (string, error) {
	before, rest, begins := strings.Cut(document, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("it has no place for the table: a line %q and after it a line %q", strings.TrimSpace(tableBegins), strings.TrimSpace(tableEnds))
	}
	return before + tableBegins + table + tableEnds + after, nil
}

func rewrite(path, table string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := insert(string(old), table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
