package scenario

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"switchyard/arch"
	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the lists in docs/scenarios.md")

const manual = "../docs/scenarios.md"

func readManual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var example = regexp.MustCompile("(?s)```python\n(.*?)```")

// Every example of the manual runs. One that builds no machine goes on from the first one.
func TestManualExamples(t *testing.T) {
	found := example.FindAllStringSubmatch(readManual(t), -1)
	if len(found) < 15 {
		t.Fatalf("%d examples", len(found))
	}
	first := found[0][1]
	for i, f := range found {
		src := f[1]
		if !strings.Contains(src, "machine(") {
			src = first + "\n" + src
		}
		if _, err := Run(fmt.Sprintf("example-%d.star", i), []byte(src), Options{}); err != nil {
			t.Errorf("%v\n%s", err, f[1])
		}
	}
}

// Every name that a scenario can use is in the manual.
func TestManualIsComplete(t *testing.T) {
	text := readManual(t)
	names := append(machineAttrs.names(), taskAttrs.names()...)
	names = append(append(names, mmAttrs.names()...), cpuAttrs.names()...)
	for name := range new(run).predeclared() {
		names = append(names, name)
	}
	for _, name := range names {
		if !regexp.MustCompile("`[^`\n]*\\b" + name + "\\b[^`\n]*`").MatchString(text) {
			t.Errorf("%s is not in docs/scenarios.md", name)
		}
	}
}

func variationTable() string {
	var b strings.Builder
	b.WriteString("| name | breaks | what it does wrong |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
		for _, v := range kernel.VariationsOf(arch.Port(a)) {
			if !seen[v.Name] {
				seen[v.Name] = true
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, v.Breaks, v.What)
			}
		}
	}
	return b.String()
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| rule | says | because |\n|---|---|---|\n")
	for _, r := range invariant.Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, r.Protects)
	}
	return b.String()
}

// The manual's lists are those of the program.
func TestManualLists(t *testing.T) {
	text := readManual(t)
	for name, table := range map[string]string{"variations": variationTable(), "rules": ruleTable()} {
		open, shut := "<!-- "+name+" -->\n", "<!-- end -->"
		head, rest, ok := strings.Cut(text, open)
		old, tail, ok2 := strings.Cut(rest, shut)
		if !ok || !ok2 {
			t.Fatalf("docs/scenarios.md has no place for %s", name)
		}
		if old == table {
			continue
		}
		if !*updateDocs {
			t.Errorf("the list of %s in docs/scenarios.md is out of date: go test ./scenario -update-docs", name)
			continue
		}
		text = head + open + table + shut + tail
		if err := os.WriteFile(manual, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
