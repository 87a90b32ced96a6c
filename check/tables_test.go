package check

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"switchyard/machine"
)

var allReleases = flag.Bool("releases", false, "see every model through at its default size in every release, and write the table of docs/check.md")

const docsFile = "../docs/check.md"

// writeTable puts a table where docs/check.md has its name between two comments.
func writeTable(t *testing.T, name, table string) {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of %s", docsFile, name)
	}
	if err := os.WriteFile(docsFile, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// bugs are what intact paths do wrong, since their release did.
var bugs = map[string]string{"asid 4.4": "I17"}

// TestReleases sees every model through at its default size, in every release that it makes sense in.
func TestReleases(t *testing.T) {
	slowUnderRace(t)
	if !*allReleases {
		t.Skip("takes minutes: -releases")
	}
	var table strings.Builder
	table.WriteString("| model | release | distinct states | generated | depth | seconds | MiB |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, m := range Models() {
		for _, rel := range machine.Releases() {
			if rel < m.Since {
				continue
			}
			w, err := m.Build(Setup{Release: rel})
			if err != nil {
				t.Fatal(err)
			}
			r := Search(context.Background(), w, Options{Memory: 8 << 30})
			known := bugs[m.Name+" "+rel.String()]
			if r.Found != nil && r.Found.Broken.Rule != known {
				t.Errorf("%s on %s: %s after %d states: %s", m.Name, rel, r.Found.Broken.Rule, r.Distinct, r.Found.Broken.Detail)
			} else if r.Stopped != "" {
				t.Errorf("%s on %s: not everything was seen: %s", m.Name, rel, r.Stopped)
			}
			if (r.Found == nil) != (known == "") {
				t.Errorf("%s on %s: want %q", m.Name, rel, known)
			}
			line := fmt.Sprintf("| %s | %s | %d | %d | %d | %.1f | %d |\n", m.Name, strings.TrimSpace(rel.String()+" "+known), r.Distinct, r.Generated, r.Depth, r.Elapsed.Seconds(), r.PeakBytes>>20)
			fmt.Print(line)
			table.WriteString(line)
		}
	}
	writeTable(t, "releases", table.String())
}
