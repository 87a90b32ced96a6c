package house

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "switchyard/"

// layers are the arrows of ARCHITECTURE.md: a package may import packages of lower layers only.
var layers = [][]string{
	{"machine/mem"},
	{"machine"},
	{"step"},
	{"kernel"},
	{"arch/arm64", "arch/x86", "arch/classic"},
	{"arch"},
	{"invariant"},
	{"record/tape"},
	{"trace", "vmlinux", "scenario", "check", "record", "record/verify"},
	{"replay", "registers"},
	{"report", "explore"},
	{"cmd/switchyard"},
}

// core packages are deterministic: the same inputs give the same bytes on every run and machine.
var core = []string{"machine/mem", "machine", "step", "kernel", "arch/arm64", "arch/arm64/a64", "arch/x86", "arch/x86/x64", "arch/classic", "arch", "invariant"}

// coreMayImport are the packages from outside the project that the core may use. Each is a pure function of its
// arguments; golang.org/x/arch decodes the machine code of the register switch.
var coreMayImport = []string{"bytes", "cmp", "errors", "fmt", "math/bits", "slices", "strconv", "strings", "unsafe", "reflect", "encoding/binary", "encoding/hex", "github.com/zeebo/xxh3",
	"golang.org/x/arch/arm64/arm64asm", "golang.org/x/arch/x86/x86asm"}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "switchyard/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(out); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

func layerOf(name string) int {
	for i, l := range layers {
		if slices.Contains(l, name) {
			return i
		}
	}
	return -1
}

// placeOf finds the layer of the package or, for a package below another one, of its parent.
func placeOf(path string) int {
	name := strings.TrimPrefix(path, module)
	for name != "." && name != "" {
		if l := layerOf(name); l >= 0 {
			return l
		}
		name = filepath.Dir(name)
	}
	return -1
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		mine := placeOf(p.ImportPath)
		if mine < 0 {
			if !strings.HasPrefix(p.ImportPath, module+"internal/") {
				t.Errorf("%s has no place in the house: add it to layers and to ARCHITECTURE.md", p.ImportPath)
			}
			continue
		}
		for _, i := range p.Imports {
			if !strings.HasPrefix(i, module) || strings.HasPrefix(i, p.ImportPath+"/") || strings.HasPrefix(i, module+"internal/") {
				continue
			}
			if theirs := placeOf(i); theirs >= mine && filepath.Dir(i) != filepath.Dir(p.ImportPath) {
				t.Errorf("%s imports %s, which is not below it", p.ImportPath, i)
			}
		}
	}
}

func TestCoreIsDeterministic(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(core, strings.TrimPrefix(p.ImportPath, module)) {
			continue
		}
		for _, i := range p.Imports {
			if !strings.HasPrefix(i, module) && !slices.Contains(coreMayImport, i) {
				t.Errorf("%s imports %s: the core has no clock, randomness or I/O", p.ImportPath, i)
			}
		}
		for _, f := range p.GoFiles {
			noGoroutinesOrMaps(t, filepath.Join(p.Dir, f))
		}
	}
}

// noGoroutinesOrMaps refuses goroutines, channels and maps: iterating over a map has no order.
func noGoroutinesOrMaps(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		what := ""
		switch n.(type) {
		case *ast.GoStmt:
			what = "a goroutine"
		case *ast.ChanType, *ast.SelectStmt:
			what = "a channel"
		case *ast.MapType:
			what = "a map"
		}
		if what != "" {
			t.Errorf("%s: %s in the deterministic core", fset.Position(n.Pos()), what)
		}
		return true
	})
}
