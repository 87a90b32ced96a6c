package registers

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"switchyard/machine"
	"switchyard/machine/mem"
)

const at = 0xffffffff81001000

// The sequence of each architecture, an instruction a line, with thread.sp at 0x518 and
// thread.cpu_context at 0xb40.
var x86Lines = strings.Fields("55 53 4154 4155 4156 4157 4889a718050000 488ba618050000 488b9e78090000 6548891c2528000000 415f 415e 415d 415c 5b 5d e900100000")

var arm64Words = []uint32{
	0xd503245f,             // bti c
	0xd53b422b, 0xd5034fdf, // mrs x11, daif; msr daifset, #15
	0xd281680a, 0x8b0a0008, 0x910003e9, // mov x10, #0xb40; add x8, x0, x10; mov x9, sp
	0xa8815113, 0xa8815915, 0xa8816117, 0xa8816919, 0xa881711b, 0xa881251d, // stp x19, x20, [x8], #16 ... stp x29, x9
	0xf900011e, 0x8b0a0028, // str x30, [x8]; add x8, x1, x10
	0xa8c15113, 0xa8c15915, 0xa8c16117, 0xa8c16919, 0xa8c1711b, 0xa8c1251d, // ldp ...
	0xf940011e, 0x9100013f, 0xd5184101, // ldr x30, [x8]; mov sp, x9; msr sp_el0, x1
	0xd51b422b, 0xd65f03c0, // msr daif, x11; ret
}

const (
	armMRS, armSTP19, armLDP29, armMovSP, armCurrent, armDAIF = 1, 6, 19, 21, 22, 23
)

func x86Code(t testing.TB, lines []string) Subject {
	t.Helper()
	code, err := hex.DecodeString(strings.Join(lines, ""))
	if err != nil {
		t.Fatal(err)
	}
	return Subject{Name: "__switch_to_asm", Arch: machine.X86, Addr: at, Code: code}
}

func arm64Code(words []uint32) Subject {
	var code []byte
	for _, w := range words {
		code = binary.LittleEndian.AppendUint32(code, w)
	}
	return Subject{Name: "cpu_switch_to", Arch: machine.ARM64, Addr: at, Code: code}
}

func checked(t *testing.T, s Subject) *Run {
	t.Helper()
	res, err := Check(s)
	if err != nil {
		t.Fatal(err)
	}
	return &res.Runs[0]
}

func TestIntactSequences(t *testing.T) {
	for _, c := range []struct {
		s        Subject
		executed int
		kept     int
		stores   []string
	}{
		{x86Code(t, x86Lines), 17, 7, []string{"prev+0x518=prev's stack-0x38", "per-CPU+0x28=next+0x978", "prev's stack-0x38=r15", "prev's stack-0x30=r14",
			"prev's stack-0x28=r13", "prev's stack-0x20=r12", "prev's stack-0x18=rbx", "prev's stack-0x10=rbp", "prev's stack-0x8=return address"}},
		{arm64Code(arm64Words), len(arm64Words), 12, []string{"prev+0xb40=x19", "prev+0xb48=x20", "prev+0xb50=x21", "prev+0xb58=x22", "prev+0xb60=x23", "prev+0xb68=x24",
			"prev+0xb70=x25", "prev+0xb78=x26", "prev+0xb80=x27", "prev+0xb88=x28", "prev+0xb90=x29", "prev+0xb98=prev's stack", "prev+0xba0=return address"}},
	} {
		r := checked(t, c.s)
		if len(r.Broken) > 0 || r.Stopped != nil || !r.Preserved() || !r.Last.Preserved() || len(r.Changes) != 1 {
			t.Errorf("%s: %q, %v", c.s.Name, r.Broken, r.Stopped)
		}
		if r.Executed != c.executed || len(r.Kept) != c.kept {
			t.Errorf("%s: %d instructions, %d registers", c.s.Name, r.Executed, len(r.Kept))
		}
		var got []string
		for _, s := range r.Stores {
			got = append(got, s.Place+"="+s.Value)
		}
		if !slices.Equal(got, c.stores) {
			t.Errorf("%s stores %q", c.s.Name, got)
		}
	}
}

// TestBrokenSequences has one mistake each, and what becomes of it.
func TestBrokenSequences(t *testing.T) {
	edit := func(i int, to ...string) Subject {
		return x86Code(t, slices.Replace(slices.Clone(x86Lines), i, i+1, to...))
	}
	word := func(i int, to ...uint32) Subject {
		return arm64Code(slices.Replace(slices.Clone(arm64Words), i, i+1, to...))
	}
	spFirst := slices.Concat(arm64Words[:armLDP29], []uint32{arm64Words[armMovSP]}, arm64Words[armLDP29:armMovSP], arm64Words[armCurrent:])
	for name, c := range map[string]struct {
		s    Subject
		want string
	}{
		"rbx and r12 restored in the wrong order": {x86Code(t, slices.Concat(x86Lines[:13], []string{"5b", "415c"}, x86Lines[15:])), "finds r12 ="},
		"the canary's scratch register is r12, restored before": {x86Code(t, slices.Concat(x86Lines[:8], x86Lines[10:14], []string{"4c8ba678090000"}, x86Lines[14:])),
			"finds r12 ="},
		"thread.sp of prev is not saved":                 {edit(6), "which is no address: what was taken for one was never saved"},
		"the stack pointer is saved after the switch":    {x86Code(t, slices.Concat(x86Lines[:6], []string{x86Lines[7], x86Lines[6]}, x86Lines[8:])), "which is no address"},
		"prev is not passed on to __switch_to":           {edit(16, "4889f7", "e900100000"), "is told in rax that B ran before it; it was A"},
		"x19 is not saved":                               {word(armSTP19, 0xf8010514 /* str x20, [x8], #16 */), "finds x19 ="},
		"sp is restored before the last load":            {arm64Code(spFirst), "finds its stack pointer"},
		"sp_el0 is not updated":                          {word(armCurrent, 0xd503201f), "current is not next"},
		"interrupt masks are not restored":               {word(armDAIF, 0xd503201f), "daif"},
		"x0 is reloaded: a switch_to with two arguments": {word(armCurrent, 0xaa0103e0, 0xd5184101), "is told in x0 that B ran before it"},
		"x0 is what the task that is back had as prev":   {arm64Code(savesX0()), "A, back on the other CPU, is told in x0 that A ran before it; it was C"},
		"the stack pointer goes by no stack at all":      {word(armMovSP, 0x9100411f /* add sp, x8, #16 */, 0x9100013f), "2 times, not once"},
		"the stack pointer is not moved":                 {word(armMovSP, 0xd503201f), "0 times, not once"},
	} {
		r := checked(t, c.s)
		if all := strings.Join(r.Broken, "\n"); r.Stopped != nil || !strings.Contains(all, c.want) {
			t.Errorf("%s: want %q in:\n%s\nstopped: %v", name, c.want, all, r.Stopped)
		}
	}
}

// savesX0 keeps x0 with the saved registers, so that a task finds what it had in it when it left.
func savesX0() []uint32 {
	// str x0, [x0, #0xbb0] in front; ldr x0, [x1, #0xbb0] behind.
	return slices.Concat(arm64Words[:armMRS], []uint32{0xf905d800}, arm64Words[armMRS:armDAIF], []uint32{0xf945d820}, arm64Words[armDAIF:])
}

// TestUnknownInstructions wants an instruction that is not simulated named, and no verdict if it is reached.
func TestUnknownInstructions(t *testing.T) {
	for _, c := range []struct {
		s       Subject
		text    string
		reached bool
	}{
		{x86Code(t, slices.Insert(slices.Clone(x86Lines), 8, "0f30")), "wrmsr", true},
		{x86Code(t, slices.Insert(slices.Clone(x86Lines), 8, "eb02", "0f30")), "wrmsr", false},
		{x86Code(t, slices.Insert(slices.Clone(x86Lines), 8, "06")), "not an instruction", true},
		{arm64Code(slices.Insert(slices.Clone(arm64Words), 3, 0xad400400)), "ldp q0, q1, [x0]", true},
	} {
		res, err := Check(c.s)
		if err != nil {
			t.Fatal(err)
		}
		if u := res.Unknown(); len(u) != 1 || !strings.Contains(c.text, u[0].Text) {
			t.Errorf("%s: unknown are %v", c.text, u)
		}
		if res.Holds() == c.reached {
			t.Errorf("%s: holds is %t", c.text, res.Holds())
		}
		u, ok := errors.AsType[*mem.Undefined](res.Stopped())
		if ok != c.reached || ok && (!strings.Contains(u.Error(), c.text) || u.PC == 0) {
			t.Errorf("%s: stopped by %v", c.text, res.Stopped())
		}
	}
}

func TestVariantsAreRun(t *testing.T) {
	s := x86Code(t, x86Lines)
	broken := bytes.Clone(s.Code)
	broken[len(broken)-7] = 0x90 // pop %rbx gone
	s.Variants = []Variant{{Name: "with a feature", Code: broken}}
	res, err := Check(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Runs) != 2 || len(res.Runs[0].Broken) > 0 || len(res.Runs[1].Broken) == 0 || res.Holds() {
		t.Errorf("%+v", res.Runs)
	}
}

func TestOtherFunctionsAreNotTakenForIt(t *testing.T) {
	s := x86Code(t, x86Lines)
	s.Symbol = func(uint64) string { return "somewhere" }
	r := checked(t, s)
	if r.Stopped == nil || !strings.Contains(r.Stopped.Error(), "it goes to somewhere") {
		t.Errorf("%v", r.Stopped)
	}
}

func TestSubjectsThatCannotBe(t *testing.T) {
	for want, s := range map[string]Subject{
		"has no bytes":          {Name: "f", Arch: machine.X86},
		"bytes, which is no":    {Name: "f", Arch: machine.X86, Code: make([]byte, maxCode+1)},
		"has its memory":        {Name: "f", Arch: machine.X86, Code: []byte{0xc3}, Addr: stackBase},
		"arm64 and x86-64":      {Name: "f", Arch: machine.Classic, Code: []byte{0xc3}},
		"simulated machine has": {Name: "f", Arch: machine.X86, Code: []byte{0xc3, 0xc3}, Addr: ^uint64(0)},
	} {
		if _, err := Check(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzCheck wants that no bytes make the check panic or run for ever, and none but a register switch pass.
func FuzzCheck(f *testing.F) {
	f.Add(x86Code(f, x86Lines).Code, true)
	f.Add(arm64Code(arm64Words).Code, false)
	f.Fuzz(func(t *testing.T, code []byte, x86 bool) {
		s := Subject{Name: "f", Arch: machine.ARM64, Addr: at, Code: code[:min(len(code), 512)]}
		if x86 {
			s.Arch = machine.X86
		}
		res, err := Check(s)
		if err != nil {
			return
		}
		if r := &res.Runs[0]; res.Holds() && (!r.Preserved() || !r.Last.Preserved() || len(r.Changes) != 1) {
			t.Errorf("% x passes: %+v", s.Code, r)
		}
	})
}
