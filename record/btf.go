//go:build linux

package record

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf/btf"

	"switchyard/record/bpf"
)

// layout is where the running kernel keeps what the programs cannot find by relocation, from its BTF.
type layout struct {
	spec *btf.Spec

	tail, lazy, reserved int64 // distances of per-CPU variables from runqueues
	hasTail, hasLazy     bool
	byField              bool // x86's cpu_tlbstate is read field by field, tlb is then that of what was read
	tlb                  tlbLayout
}

// tlbLayout are offsets in x86's struct tlb_state.
type tlbLayout struct {
	loadedMM, asid, nextASID, invalidateOther, ctxs int
	ctx, gen, stride                                int // of and in a slot
}

// readLayout reads the kernel's BTF.
func readLayout(arm bool) (*layout, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("the kernel does not describe its types (no /sys/kernel/btf/vmlinux), without which it cannot be recorded: "+
			"use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are (%w)", err)
	}
	l := &layout{spec: spec}
	variables := perCPUOffsets(spec)
	base, ok := variables["runqueues"]
	if !ok {
		return l, nil
	}
	distance := func(name string) (int64, bool) {
		at, ok := variables[name]
		return int64(at) - int64(base), ok
	}
	if arm {
		var second bool
		l.tail, l.hasTail = distance("active_asids")
		l.reserved, second = distance("reserved_asids")
		l.hasTail = l.hasTail && second
		return l, nil
	}
	if l.tail, l.hasTail = distance("cpu_tlbstate"); l.hasTail {
		l.hasTail = l.tlb.read(spec) == nil
	}
	if l.byField = l.hasTail && hasFunction(spec, "bpf_rdonly_cast"); l.byField {
		l.tlb = viewLayout
	}
	l.lazy, l.hasLazy = distance("cpu_tlbstate_shared")
	return l, nil
}

// viewLayout is where the programs put what they read field by field.
var viewLayout = func() tlbLayout {
	var v bpf.ObjectTlbView
	return tlbLayout{
		loadedMM: int(unsafe.Offsetof(v.LoadedMm)), asid: int(unsafe.Offsetof(v.LoadedMmAsid)), nextASID: int(unsafe.Offsetof(v.NextAsid)),
		invalidateOther: int(unsafe.Offsetof(v.InvalidateOther)), ctxs: int(unsafe.Offsetof(v.Ctxs)),
		ctx: int(unsafe.Offsetof(v.Ctxs[0].CtxId)), gen: int(unsafe.Offsetof(v.Ctxs[0].TlbGen)), stride: int(unsafe.Sizeof(v.Ctxs[0])),
	}
}()

func hasFunction(spec *btf.Spec, name string) bool {
	var f *btf.Func
	return spec.TypeByName(name, &f) == nil
}

func perCPUOffsets(spec *btf.Spec) map[string]uint32 {
	offsets := map[string]uint32{}
	var section *btf.Datasec
	if spec.TypeByName(".data..percpu", &section) != nil {
		return offsets
	}
	for _, v := range section.Vars {
		if t, ok := v.Type.(*btf.Var); ok {
			offsets[t.Name] = v.Offset
		}
	}
	return offsets
}

func (t *tlbLayout) read(spec *btf.Spec) error {
	var state, context *btf.Struct
	if err := errors.Join(spec.TypeByName("tlb_state", &state), spec.TypeByName("tlb_context", &context)); err != nil {
		return err
	}
	var missing []string
	offset := func(s *btf.Struct, name string) int {
		for _, m := range s.Members {
			if m.Name == name {
				return int(m.Offset.Bytes())
			}
		}
		missing = append(missing, name)
		return 0
	}
	*t = tlbLayout{
		loadedMM: offset(state, "loaded_mm"), asid: offset(state, "loaded_mm_asid"), nextASID: offset(state, "next_asid"), invalidateOther: offset(state, "invalidate_other"), ctxs: offset(state, "ctxs"),
		ctx: offset(context, "ctx_id"), gen: offset(context, "tlb_gen"), stride: int(context.Size),
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s in struct tlb_state", strings.Join(missing, ", "))
	}
	return nil
}

// slots is how many bytes hold the first n slots and all before them.
func (t *tlbLayout) slots(n int) int { return (t.ctxs + n*t.stride + 7) &^ 7 }

// hasProbe tells whether the kernel has a tracepoint.
func (l *layout) hasProbe(name string) bool {
	var t *btf.Typedef
	return l.spec.TypeByName("btf_trace_"+name, &t) == nil
}
