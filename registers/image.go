package registers

import (
	"debug/elf"
	"fmt"

	"switchyard/arch/x86/x64"
	"switchyard/machine"
	"switchyard/vmlinux"
)

// FunctionName is the register switch of an architecture: the kernel's symbol.
func FunctionName(arch machine.Arch) string {
	switch arch {
	case machine.X86:
		return "__switch_to_asm"
	case machine.ARM64:
		return "cpu_switch_to"
	}
	return ""
}

// FromImage takes the register switch out of a kernel image.
func FromImage(img *vmlinux.Image) (Subject, error) {
	arch := machine.X86
	if img.Machine == elf.EM_AARCH64 {
		arch = machine.ARM64
	}
	name := FunctionName(arch)
	f, err := img.Function(name)
	if err != nil {
		if arch == machine.X86 {
			return Subject{}, fmt.Errorf("%w: it is there since 4.9; before, the switch is inlined into __schedule", err)
		}
		return Subject{}, err
	}
	s := Subject{Name: name, Arch: arch, Addr: f.Addr, Code: f.Code, Symbol: img.Symbol}
	if s.Variants, err = variants(img, f); err != nil {
		return Subject{}, err
	}
	return s, nil
}

// featureAlways is X86_FEATURE_ALWAYS. What is for CPUs without it is for none.
const featureAlways = 3*32 + 21

// features are the names of those X86_FEATURE numbers that are known to matter here.
var features = [...]struct {
	number int
	name   string
}{{7*32 + 19, "RSB_CTXSW"}}

// variants are the forms that the code takes on a CPU with one of the features that it asks for.
func variants(img *vmlinux.Image, f vmlinux.Function) ([]Variant, error) {
	var out []Variant
	for _, a := range img.Alternatives(f) {
		if a.Not && a.Feature == featureAlways {
			continue
		}
		code, err := x64.Patch(f.Code, f.Addr, a.Addr, a.Len, a.Replacement, a.From)
		if err != nil {
			return nil, fmt.Errorf("the alternative at %#x of %s: %w", a.Addr, f.Name, err)
		}
		out = append(out, Variant{Name: featureName(a), Code: code})
	}
	return out, nil
}

func featureName(a vmlinux.Alternative) string {
	name := fmt.Sprintf("X86_FEATURE %d*32+%d", a.Feature/32, a.Feature%32)
	for _, f := range features {
		if f.number == a.Feature {
			name = "X86_FEATURE_" + f.name
		}
	}
	if a.Not {
		return "without " + name
	}
	return "with " + name
}
