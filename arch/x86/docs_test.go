package x86_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"switchyard/arch/x86/x64"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite the list in docs/registers.md")

// The list of docs/registers.md is that of the interpreter.
func TestRegistersManual(t *testing.T) {
	const manual, open, shut = "../../docs/registers.md", "<!-- x86-64 instructions -->\n", "<!-- end -->"
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	want := "`" + strings.Join(x64.Instructions(), "`, `") + "`\n"
	head, rest, ok := strings.Cut(string(data), open)
	old, tail, ok2 := strings.Cut(rest, shut)
	if !ok || !ok2 {
		t.Fatal("docs/registers.md has no place for the list")
	}
	switch {
	case old == want:
	case *updateDocs:
		if err := os.WriteFile(manual, []byte(head+open+want+shut+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the list of instructions in docs/registers.md is out of date: go test ./arch/x86 -run RegistersManual -update-docs")
	}
}
