package x64

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"switchyard/machine"
	"switchyard/machine/mem"
)

const (
	codeAt = 0xffffffff81000000
	dataAt = 0xffff888000001000
	words  = 16
	// perCPUAt is the base of gs.
	perCPUAt = 0xffff88803fc00000
)

type rig struct {
	r      machine.X86Registers
	data   [words]uint64
	perCPU [8]uint64
	m      mem.Memory
}

// newRig has a register file with a value of its own in each register but rsp, which points into the
// data, and rdi and rsi, which do too.
func newRig() *rig {
	g := new(rig)
	g.m = mem.Memory{Arrays: []mem.Array{
		{Name: "data", Base: dataAt, Shift: 12, Size: 8 * words, Words: g.data[:]},
		{Name: "per-CPU data", Base: perCPUAt, Shift: 12, Size: 8 * 8, Words: g.perCPU[:]},
	}}
	for i := range g.r.GP() {
		g.r.GP()[i] = 0x1111_2222_0000_0000 + uint64(i)
	}
	for i := range g.data {
		g.data[i] = 0xd000_0000_e000_0000 + uint64(i)
	}
	g.r.RIP, g.r.Flags, g.r.RSP, g.r.RDI, g.r.RSI, g.r.GSBase = codeAt, flagAlways, dataAt+64, dataAt, dataAt+8, perCPUAt
	return g
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInstructions(t *testing.T) {
	for _, c := range []struct {
		code, text string
		given      func(g *rig)
		want       func(g *rig) // what becomes of it; rip moves on by itself
	}{
		{"f3 0f 1e fa", "endbr64", nil, func(*rig) {}},
		{"90", "nop", nil, func(*rig) {}},
		{"66 90", "data16 nop", nil, func(*rig) {}},
		{"66 0f 1f 04 00", "nopw (%rax,%rax)", nil, func(*rig) {}},
		{"66 66 2e 0f 1f 84 00 00 00 00 00", "data32 nopw %cs:(%rax,%rax)", nil, func(*rig) {}},
		{"0f ae e8", "lfence", nil, func(*rig) {}},
		{"55", "push %rbp", nil, func(g *rig) { g.r.RSP -= 8; g.data[7] = g.r.RBP }},
		{"41 54", "push %r12", nil, func(g *rig) { g.r.RSP -= 8; g.data[7] = g.r.R12 }},
		{"54", "push %rsp", nil, func(g *rig) { g.data[7] = g.r.RSP; g.r.RSP -= 8 }},
		{"6a fb", "pushq $-0x5", nil, func(g *rig) { g.r.RSP -= 8; g.data[7] = ^uint64(4) }},
		{"ff 77 10", "pushq 0x10(%rdi)", nil, func(g *rig) { g.r.RSP -= 8; g.data[7] = g.data[2] }},
		{"41 5f", "pop %r15", nil, func(g *rig) { g.r.RSP += 8; g.r.R15 = g.data[8] }},
		{"5c", "pop %rsp", nil, func(g *rig) { g.r.RSP = g.data[8] }},
		{"8f 44 24 08", "popq 0x8(%rsp)", nil, func(g *rig) { g.r.RSP += 8; g.data[10] = g.data[8] }},
		{"9c", "pushfq", func(g *rig) { g.r.Flags = 0x246 }, func(g *rig) { g.r.RSP -= 8; g.data[7] = 0x246 }},
		{"9d", "popfq", func(g *rig) { g.data[8] = 0x246 }, func(g *rig) { g.r.RSP += 8; g.r.Flags = 0x246 }},
		{"48 89 67 18", "mov %rsp,0x18(%rdi)", nil, func(g *rig) { g.data[3] = g.r.RSP }},
		{"48 8b 66 18", "mov 0x18(%rsi),%rsp", nil, func(g *rig) { g.r.RSP = g.data[4] }},
		{"65 48 89 1c 25 28 00 00 00", "mov %rbx,%gs:0x28", nil, func(g *rig) { g.perCPU[5] = g.r.RBX }},
		{"65 48 89 1d 20 00 00 7f", "mov %rbx,%gs:0x7f000020(%rip)", func(g *rig) { g.r.GSBase -= g.r.RIP + 8 + 0x7f000000 },
			func(g *rig) { g.perCPU[4] = g.r.RBX }},
		{"64 48 8b 04 25 28 00 00 00", "mov %fs:0x28,%rax", func(g *rig) { g.r.FSBase = dataAt }, func(g *rig) { g.r.RAX = g.data[5] }},
		{"89 c1", "mov %eax,%ecx", nil, func(g *rig) { g.r.RCX = uint64(uint32(g.r.RAX)) }},
		{"49 c7 c4 10 00 00 00", "mov $0x10,%r12", nil, func(g *rig) { g.r.R12 = 16 }},
		{"48 c7 c0 ff ff ff ff", "mov $-0x1,%rax", nil, func(g *rig) { g.r.RAX = ^uint64(0) }},
		{"48 b8 88 77 66 55 44 33 22 11", "mov $0x1122334455667788,%rax", nil, func(g *rig) { g.r.RAX = 0x1122334455667788 }},
		{"65 48 c7 04 25 30 00 00 00 ff ff ff ff", "movq $-0x1,%gs:0x30", nil, func(g *rig) { g.perCPU[6] = ^uint64(0) }},
		{"c7 47 04 05 00 00 00", "movl $0x5,0x4(%rdi)", nil, func(g *rig) { g.data[0] = 0x5_e000_0000 }},
		{"c7 07 05 00 00 00", "movl $0x5,(%rdi)", nil, func(g *rig) { g.data[0] = 0xd000_0000_0000_0005 }},
		{"8b 47 04", "mov 0x4(%rdi),%eax", nil, func(g *rig) { g.r.RAX = 0xd000_0000 }},
		{"48 8b 44 cf 08", "mov 0x8(%rdi,%rcx,8),%rax", func(g *rig) { g.r.RCX = 3 }, func(g *rig) { g.r.RAX = g.data[4] }},
		{"48 8d 54 8f 08", "lea 0x8(%rdi,%rcx,4),%rdx", func(g *rig) { g.r.RCX = 3 }, func(g *rig) { g.r.RDX = dataAt + 8 + 12 }},
		{"65 48 8d 57 08", "lea %gs:0x8(%rdi),%rdx", nil, func(g *rig) { g.r.RDX = dataAt + 8 }},
		{"48 83 c4 10", "add $0x10,%rsp", nil, func(g *rig) { g.r.RSP += 16; g.r.Flags = flagAlways | flagSF | flagPF }},
		{"48 01 0f", "add %rcx,(%rdi)", func(g *rig) { g.r.RCX = 1 }, func(g *rig) { g.data[0]++; g.r.Flags = flagAlways | flagSF }},
		{"83 e0 0f", "and $0xf,%eax", func(g *rig) { g.r.RAX = 0xffffffff_00000013 }, func(g *rig) { g.r.RAX = 3; g.r.Flags = flagAlways | flagPF }},
		{"31 c0", "xor %eax,%eax", nil, func(g *rig) { g.r.RAX = 0; g.r.Flags = flagAlways | flagZF | flagPF }},
		{"48 39 c3", "cmp %rax,%rbx", func(g *rig) { g.r.RAX, g.r.RBX = 2, 1 }, func(g *rig) { g.r.Flags = flagAlways | flagCF | flagSF | flagPF | flagAF }},
		{"f7 07 01 00 00 00", "testl $0x1,(%rdi)", nil, func(g *rig) { g.r.Flags = flagAlways | flagZF | flagPF }},
		{"49 ff cc", "dec %r12", func(g *rig) { g.r.R12, g.r.Flags = 1, flagAlways|flagCF }, func(g *rig) { g.r.R12 = 0; g.r.Flags |= flagZF | flagPF }},
		{"48 ff c0", "inc %rax", func(g *rig) { g.r.RAX = 1<<63 - 1 }, func(g *rig) { g.r.RAX++; g.r.Flags = flagAlways | flagOF | flagSF | flagAF | flagPF }},
		{"eb 10", "jmp 0xffffffff81000012", nil, func(g *rig) { g.r.RIP = codeAt + 0x10 }},
		{"e9 fb ff ff ff", "jmpq 0xffffffff81000000", nil, func(g *rig) { g.r.RIP = codeAt - 5 }},
		{"75 10", "jne 0xffffffff81000012", nil, func(g *rig) { g.r.RIP = codeAt + 0x10 }},
		{"74 10", "je 0xffffffff81000012", nil, func(*rig) {}},
		{"e8 01 00 00 00", "callq 0xffffffff81000006", nil, func(g *rig) { g.r.RSP -= 8; g.data[7] = codeAt + 5; g.r.RIP = codeAt + 1 }},
		{"c3", "retq", nil, func(g *rig) { g.r.RSP += 8; g.r.RIP = g.data[8] - 1 }},
	} {
		code, err := Decode(bytesOf(t, c.code), codeAt)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if code.Len() != 1 || code.Text(0) != c.text {
			t.Errorf("%s: decoded as %q", c.text, code.Text(0))
		}
		got, want := newRig(), newRig()
		if c.given != nil {
			c.given(got)
			c.given(want)
		}
		c.want(want)
		want.r.RIP += uint64(code.At(0).Len())
		if err := code.Step(&got.r, &got.m); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if got.r != want.r || got.data != want.data || got.perCPU != want.perCPU {
			t.Errorf("%s:\nregisters %x\n     want %x\nmemory %x\n  want %x", c.text, got.r, want.r, got.data, want.data)
		}
	}
}

// TestFlags holds flags against what they mean: a comparison of signed and unsigned numbers.
func TestFlags(t *testing.T) {
	numbers := []uint64{0, 1, 2, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff, 1<<63 - 1, 1 << 63, ^uint64(0), ^uint64(1)}
	for _, half := range []bool{false, true} {
		for _, x := range numbers {
			for _, y := range numbers {
				sx, sy := int64(x), int64(y)
				if half {
					x, y = uint64(uint32(x)), uint64(uint32(y))
					sx, sy = int64(int32(x)), int64(int32(y))
				}
				in := Inst{op: opCmp, half: half}
				_, f := in.result(x, y, 0)
				for cond, want := range [16]bool{2: x < y, 4: x == y, 6: x <= y, 12: sx < sy, 14: sx <= sy} {
					if cond == 0 || cond == 8 || cond == 10 || cond&1 == 1 {
						continue
					}
					if taken(f, uint8(cond)) != want || taken(f, uint8(cond)+1) == want {
						t.Errorf("cmp %#x, %#x (half %t): condition %d is %t", x, y, half, cond, !want)
					}
				}
				in.op = opAdd
				sum, f := in.result(x, y, 0)
				if carry := sum < x; carry != taken(f, 2) {
					t.Errorf("add %#x, %#x (half %t): carry %t", x, y, half, !carry)
				}
			}
		}
	}
}

// What is not simulated is named with address and encoding.
func TestUnknownInstructions(t *testing.T) {
	for code, text := range map[string]string{
		"c20800": "retq $0x8", "88c3": "mov %al,%bl", "f048ff07": "lock incq (%rdi)", "0f20d8": "mov %cr3,%rax", "0fae27": "xsave (%rdi)",
		"6689c3": "mov %ax,%bx", "f3480faec0": "rdfsbase %rax", "ffe0": "jmp *%rax", "0f30": "wrmsr", "f3a4": "rep movsb %ds:(%rsi),%es:(%rdi)",
		"6655": "push %bp", "cd80": "int $0x80", "67488b07": "mov (%edi),%rax", "06": "", "0f": "",
	} {
		b := bytesOf(t, code)
		_, err := Decode(append([]byte{0x90}, b...), codeAt)
		u, ok := errors.AsType[*mem.Undefined](err)
		if !ok {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if u.PC != codeAt+1 || hex.EncodeToString(u.Encoding) != code || u.Text != text {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestFaultsChangeNothing(t *testing.T) {
	for _, c := range []struct {
		code  string
		addr  uint64
		write bool
	}{
		{"48 89 00", 0x1111_2222_0000_0000, true},         // mov %rax,(%rax)
		{"48 8b 00", 0x1111_2222_0000_0000, false},        // mov (%rax),%rax
		{"48 8b 47 01", dataAt + 1, false},                // not aligned
		{"8b 47 02", dataAt + 2, false},                   //
		{"8f 00", 0x1111_2222_0000_0000, true},            // popq (%rax)
		{"ff 30", 0x1111_2222_0000_0000, false},           // pushq (%rax)
		{"48 01 87 80 00 00 00", dataAt + 8*words, true},  // add %rax,0x80(%rdi)
		{"48 39 87 80 00 00 00", dataAt + 8*words, false}, // cmp %rax,0x80(%rdi)
	} {
		code, err := Decode(bytesOf(t, c.code), codeAt)
		if err != nil {
			t.Fatal(err)
		}
		g := newRig()
		before, data := g.r, g.data
		err = code.Step(&g.r, &g.m)
		f, ok := errors.AsType[*mem.Fault](err)
		if !ok || f.Addr != c.addr || f.PC != codeAt || f.Write != c.write || g.r != before || g.data != data {
			t.Errorf("%s: %v", code.Text(0), err)
		}
	}
	for _, push := range []string{"55", "9c", "e8 01 00 00 00"} {
		code, err := Decode(bytesOf(t, push), codeAt)
		if err != nil {
			t.Fatal(err)
		}
		g := newRig()
		g.r.RSP = dataAt
		before := g.r
		if err := code.Step(&g.r, &g.m); err == nil || g.r != before {
			t.Errorf("%s below the stack: %v", code.Text(0), err)
		}
	}
}

func TestTraps(t *testing.T) {
	for code, text := range map[string]string{"cc": "int3", "0f 0b": "ud2"} {
		c, err := Decode(bytesOf(t, code), codeAt)
		if err != nil {
			t.Fatal(err)
		}
		g := newRig()
		trap, ok := errors.AsType[*TrapError](c.Step(&g.r, &g.m))
		if !ok || trap.PC != codeAt || trap.Text != text {
			t.Errorf("%s: %v", text, trap)
		}
	}
}

// fillRSB overwrites the return stack buffer as the kernel does: calls that go one past an int3, sixteen
// times two of them, with the return addresses dropped.
const fillRSB = "49c7c410000000 e801000000 cc e801000000 cc 4883c410 49ffcc 75eb 0faee8 c3"

func TestRun(t *testing.T) {
	code, err := Decode(bytesOf(t, fillRSB), codeAt)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig()
	g.data[8] = 0x1000
	sp := g.r.RSP
	if n, err := code.Run(&g.r, &g.m, 1000); n != 1+16*5+2 || err != nil || g.r.RIP != 0x1000 || g.r.RSP != sp+8 || g.r.R12 != 0 {
		t.Errorf("%d instructions, rip %#x, rsp %#x, %v", n, g.r.RIP, g.r.RSP, err)
	}
	g.r.RIP = codeAt
	if _, err := code.Run(&g.r, &g.m, 50); err == nil {
		t.Error("it should not have ended")
	}
	if code.Contains(codeAt+1) || !code.Contains(codeAt+7) {
		t.Error("an instruction begins where none does, or the other way round")
	}
}

func TestRunDoesNotAllocate(t *testing.T) {
	code, err := Decode(bytesOf(t, fillRSB), codeAt)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig()
	if n := testing.AllocsPerRun(100, func() {
		g.r.RIP, g.r.RSP = codeAt, dataAt+64
		if _, err := code.Run(&g.r, &g.m, 1000); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// FuzzExec wants that no bytes make the decoder or the interpreter panic, or fail half done.
func FuzzExec(f *testing.F) {
	for _, c := range []string{fillRSB, "55", "8f442408", "6548891d40000000", "f7471000000400", "488b44cf08", "9d", "c3"} {
		f.Add(bytesOf(f, c), uint64(dataAt), uint64(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, x, y uint64) {
		code, err := Decode(text, codeAt)
		if err != nil || code.Len() == 0 {
			return
		}
		g := newRig()
		for i := range g.r.GP() {
			g.r.GP()[i] = x
		}
		g.r.RCX, g.r.GSBase = y, y
		for range 100 {
			before, data := g.r, g.data
			if err := code.Step(&g.r, &g.m); err != nil {
				if g.r != before || g.data != data {
					t.Errorf("%v, half done", err)
				}
				return
			}
			if !code.Contains(g.r.RIP) {
				return
			}
		}
	})
}

// BenchmarkInstructions is one instruction of a register switch, decoded before.
func BenchmarkInstructions(b *testing.B) {
	// __switch_to_asm as Linux 6.1 has it, with thread.sp moved to where the rig has memory.
	code, err := Decode(bytesOf(b, "55 53 4154 4155 4156 4157 4889a718000000 488ba618000000 488b5e10 6548891c2528000000 eb02 9090 415f 415e 415d 415c 5b 5d"), codeAt)
	if err != nil {
		b.Fatal(err)
	}
	g := newRig()
	const n = 17
	b.ReportAllocs()
	for b.Loop() {
		g.r.RIP, g.r.RSP, g.data[4] = codeAt, dataAt+128, dataAt+64
		g.r.RSI = dataAt + 8
		if done, err := code.Run(&g.r, &g.m, 50); err != nil || done != n {
			b.Fatal(done, err)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "instructions/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n/float64(b.N), "ns/instruction")
}
