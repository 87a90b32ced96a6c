package arm64_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"switchyard/arch/arm64/a64"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the lists in docs/registers.md")

// The lists of docs/registers.md are those of the interpreter.
func TestRegistersManual(t *testing.T) {
	const manual = "../../docs/registers.md"
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	instructions := "- " + strings.Join(a64.Instructions(), "\n- ") + "\n"
	registers := "`" + strings.Join(a64.SystemRegisters(), "`, `") + "`\n"
	for _, l := range [][2]string{{"instructions", instructions}, {"system registers", registers}} {
		open, shut := "<!-- "+l[0]+" -->\n", "<!-- end -->"
		head, rest, ok := strings.Cut(text, open)
		old, tail, ok2 := strings.Cut(rest, shut)
		if !ok || !ok2 {
			t.Fatalf("docs/registers.md has no place for %s", l[0])
		}
		if old != l[1] && !*updateDocs {
			t.Errorf("the list of %s in docs/registers.md is out of date: go test ./arch/arm64 -update-docs", l[0])
		}
		text = head + open + l[1] + shut + tail
	}
	if *updateDocs {
		if err := os.WriteFile(manual, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
