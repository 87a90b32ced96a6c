//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"switchyard/record/verify"
)

// fidelity is the table of some guests.
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
		fmt.Fprintf(&text, "| %s | %d | %d | %d | %d |", c.release+c.on.note, c.cpus, r.Switches, r.Dropped+r.Gaps, r.Rollovers)
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

// The lines between which docs/fidelity.md has a table.
const (
	tableBegins     = "<!-- written by go run ./internal/guests matrix -->\n"
	pcidTableBegins = "<!-- written by go run ./internal/guests matrix, with PCIDs -->\n"
	tableEnds       = "<!-- end of what it wrote -->\n"
)

// table is one of a document, by the line that it comes after.
type table struct{ begins, text string }

// tables are those of guests without and with process-context identifiers, as far as there are any.
func tables(cells []cell) []table {
	var all []table
	for _, pcid := range []bool{false, true} {
		some := slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.on.pcid != pcid })
		begins := tableBegins
		if pcid {
			begins = pcidTableBegins
		}
		if len(some) > 0 {
			all = append(all, table{begins, fidelity(some)})
		}
	}
	return all
}

// insert puts the table in the place of the one that a document has.
func insert(document string, t table) (string, error) {
	before, rest, begins := strings.Cut(document, t.begins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fmt.Errorf("it has no place for the table: a line %q and after it a line %q", strings.TrimSpace(t.begins), strings.TrimSpace(tableEnds))
	}
	return before + t.begins + t.text + tableEnds + after, nil
}

func rewrite(path string, all []table) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(document)
	for _, t := range all {
		if text, err = insert(text, t); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
