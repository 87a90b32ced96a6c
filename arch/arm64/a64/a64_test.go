package a64

import (
	"encoding/binary"
	"errors"
	"testing"

	"switchyard/machine"
	"switchyard/machine/mem"
)

const (
	codeAt = 0xffff_8000_0001_0000
	dataAt = 0x8000
)

type rig struct {
	r     machine.ARM64Registers
	words [16]uint64
	m     mem.Memory
}

func newRig() *rig {
	g := &rig{}
	g.m.Arrays = []mem.Array{{Name: "data", Base: dataAt, Shift: 12, Size: 128, Words: g.words[:]}}
	g.r.PC = codeAt
	return g
}

// One instruction, on x2 = a, x3 = b, x0 = an address in memory, sp = another.
func TestInstructions(t *testing.T) {
	const a, b = 0xfedc_ba98_8765_4321, 0x0000_0000_8000_0003
	pc := func(by int64) func(*rig) uint64 { return func(g *rig) uint64 { return g.r.PC - codeAt - uint64(by) } }
	x1 := func(want uint64) func(*rig) uint64 { return func(g *rig) uint64 { return g.r.X[1] - want } }
	for _, c := range []struct {
		word uint32
		text string
		off  func(*rig) uint64 // 0 where the result is right
	}{
		{0x92800001, "mov x1, #0xffffffffffffffff", x1(^uint64(0))},
		{0x52bfffe1, "mov w1, #0xffff0000", x1(0xffff_0000)},
		{0xf2c24681, "movk x1, #0x1234, lsl #32", x1(0x1111_1234_1111_1111)},
		{0x8b031041, "add x1, x2, x3, lsl #4", x1((a + b<<4) & (1<<64 - 1))},
		{0xd1000441, "sub x1, x2, #0x1", x1(a - 1)},
		{0x6b030041, "subs w1, w2, w3", x1(0x0765_431e)},
		{0xab030041, "adds x1, x2, x3", x1(a + b)},
		{0x8b2363e1, "add x1, sp, x3", x1(dataAt + 0x40 + b)},
		{0x9272c441, "and x1, x2, #0xffffffffffffc000", x1(a &^ 0x3fff)},
		{0x927cec5f, "and sp, x2, #0xfffffffffffffff0", func(g *rig) uint64 { return g.r.SP - a&^15 }},
		{0xb200f3e1, "mov x1, #0x5555555555555555", x1(0x5555_5555_5555_5555)},
		{0xaa2203e1, "mvn x1, x2", x1(^uint64(a))},
		{0x8a230041, "bic x1, x2, x3", x1(a &^ b)},
		{0x4a831041, "eor w1, w2, w3, asr #4", x1(0x8765_4321 ^ 0xf800_0000)},
		{0xd3482c41, "ubfx x1, x2, #8, #4", x1(3)},
		{0xd378dc41, "lsl x1, x2, #8", x1(a << 8 & (1<<64 - 1))},
		{0x53087c41, "lsr w1, w2, #8", x1(0x87_6543)},
		{0x53001c41, "uxtb w1, w2", x1(0x21)},
		{0x10000081, "adr x1, .+0x10", x1(codeAt + 16)},
		{0xb0000001, "adrp x1, .+0x1000", x1(codeAt + 0x1000)},
		{0xf240005f, "tst x2, #0x1", func(g *rig) uint64 { return g.r.Flags }},
		{0xa9bf0c02, "stp x2, x3, [x0, #-16]!", func(g *rig) uint64 {
			return g.words[2] - a + g.words[3] - b + g.r.X[0] - dataAt - 16
		}},
		{0xa8c11001, "ldp x1, x4, [x0], #16", func(g *rig) uint64 {
			return g.r.X[1] - 0x404 + g.r.X[4] - 0x505 + g.r.X[0] - dataAt - 48
		}},
		{0xf8637801, "ldr x1, [x0, x3, lsl #3]", nil},
		{0xf900041f, "str xzr, [x0, #8]", func(g *rig) uint64 { return g.words[5] }},
		{0xf85f8001, "ldur x1, [x0, #-8]", x1(0x303)},
		{0xf94003e1, "ldr x1, [sp]", x1(0x808)},
		{0x34000042, "cbz w2, .+0x8", pc(4)},
		{0xb7f80062, "tbnz x2, #63, .+0xc", pc(12)},
		{0x54ffffcb, "b.lt .+0xfffffffffffffff8", pc(4)},
		{0xd63f0060, "blr x3", func(g *rig) uint64 { return g.r.PC - b + g.r.X[30] - codeAt - 4 }},
		{0xd65f03c0, "ret", func(g *rig) uint64 { return g.r.PC - 0x777 }},
		{0x94000002, "bl .+0x8", func(g *rig) uint64 { return g.r.PC - codeAt - 8 + g.r.X[30] - codeAt - 4 }},
		{0xd53b422b, "mrs x11, daif", func(g *rig) uint64 { return g.r.X[11] - 0x80 }},
		{0xd5034fdf, "msr daifset, #0xf", func(g *rig) uint64 { return g.r.DAIF - 0x3c0 }},
		{0xd50342ff, "msr daifclr, #0x2", func(g *rig) uint64 { return g.r.DAIF }},
		{0xd5184102, "msr sp_el0, x2", func(g *rig) uint64 { return g.r.SPEL0 - a }},
		{0xd503233f, "paciasp", pc(4)},
		{0xd503245f, "bti c", pc(4)},
		{0xd503201f, "nop", pc(4)},
		{0xd5033fdf, "isb", pc(4)},
	} {
		code, err := Words(codeAt, c.word)
		if err != nil {
			t.Errorf("%08x %s: %v", c.word, c.text, err)
			continue
		}
		if got := code.Text(0); got != c.text {
			t.Errorf("%08x is %q, want %q", c.word, got, c.text)
		}
		if c.off == nil {
			continue
		}
		g := newRig()
		for i := range g.words {
			g.words[i] = uint64(i) * 0x101
		}
		g.r.X[0], g.r.X[1], g.r.X[2], g.r.X[3], g.r.X[30] = dataAt+32, 0x1111_1111_1111_1111, a, b, 0x777
		g.r.SP, g.r.DAIF = dataAt+64, 0x80
		if err := code.Step(&g.r, &g.m); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if d := c.off(g); d != 0 {
			t.Errorf("%s is off by %#x", c.text, d)
		}
	}
}

func TestFlags(t *testing.T) {
	const n, z, c, v = 1 << 31, 1 << 30, 1 << 29, 1 << 28
	for _, k := range []struct{ x, y, subs, adds, subs32 uint64 }{
		{0, 0, z | c, z, z | c},
		{1, 2, n, 0, n},
		{2, 1, c, 0, c},
		{1 << 63, 1, c | v, n, n},
		{^uint64(0), 1, n | c, z | c, n | c},
		{1<<63 - 1, ^uint64(0), n | v, c, z | c},
		{0x8000_0000, 1, c, 0, c | v},
	} {
		for word, want := range map[uint32]uint64{0xeb030041: k.subs, 0xab030041: k.adds, 0x6b030041: k.subs32} {
			code, err := Words(codeAt, word)
			if err != nil {
				t.Fatal(err)
			}
			g := newRig()
			g.r.X[2], g.r.X[3] = k.x, k.y
			if err := code.Step(&g.r, &g.m); err != nil || g.r.Flags != want {
				t.Errorf("%s of %#x and %#x: flags %#x, want %#x, %v", code.Text(0), k.x, k.y, g.r.Flags, want, err)
			}
		}
	}
	for cond, holding := range map[uint8][]uint64{0: {z}, 1: {0, c}, 2: {c}, 3: {0}, 4: {n}, 5: {0}, 6: {v}, 7: {0}, 8: {c}, 9: {0, c | z},
		10: {0, n | v}, 11: {n, v}, 12: {0, n | v}, 13: {n, z, v}, 14: {0, n | z | c | v}} {
		for _, f := range holding {
			if !holds(cond, f) || cond < 14 && holds(cond^1, f) {
				t.Errorf("condition %d with flags %#x", cond, f)
			}
		}
	}
}

// What is not simulated is named with address and encoding.
func TestUnknownInstructions(t *testing.T) {
	for word, text := range map[uint32]string{0xb9400001: "ldr w1, [x0]", 0xad400400: "ldp q0, q1, [x0]", 0xd503207f: "wfi", 0xd50b7a20: "dc cvac, x0",
		0xd5182001: "msr s3_0_c2_c0_0, x1", 0xd69f03e0: "eret", 0: ""} {
		_, err := Words(codeAt, 0xd503201f, word)
		u, ok := errors.AsType[*mem.Undefined](err)
		if !ok {
			t.Errorf("%08x: %v", word, err)
			continue
		}
		if u.PC != codeAt+4 || binary.LittleEndian.Uint32(u.Encoding) != word || u.Text != text {
			t.Errorf("%08x: %v", word, err)
		}
	}
	if _, err := Decode(make([]byte, 3), codeAt); err == nil {
		t.Error("half an instruction was decoded")
	}
}

func TestFaultsChangeNothing(t *testing.T) {
	code, err := Words(codeAt, 0xa8c11001) // ldp x1, x4, [x0], #16
	if err != nil {
		t.Fatal(err)
	}
	g := newRig()
	g.r.X[0] = dataAt + 120 // the second word is not there
	before := g.r
	err = code.Step(&g.r, &g.m)
	f, ok := errors.AsType[*mem.Fault](err)
	if !ok || f.Addr != dataAt+128 || f.PC != codeAt || f.Write || g.r != before {
		t.Errorf("%v", err)
	}
}

func TestRun(t *testing.T) {
	// mov x1, #5; sub x1, x1, #1; cbnz x1, .-4; ret
	code, err := Words(codeAt, 0xd28000a1, 0xd1000421, 0xb5ffffe1, 0xd65f03c0)
	if err != nil {
		t.Fatal(err)
	}
	g := newRig()
	g.r.X[30] = 0x1000
	if n, err := code.Run(&g.r, &g.m, 100); n != 12 || err != nil || g.r.PC != 0x1000 {
		t.Errorf("%d instructions, pc %#x, %v", n, g.r.PC, err)
	}
	g.r.PC = codeAt
	if _, err := code.Run(&g.r, &g.m, 11); err == nil {
		t.Error("it should not end")
	}
}

func FuzzExec(f *testing.F) {
	for i := range classes {
		f.Add(classes[i].value, uint64(dataAt), uint64(7))
	}
	f.Fuzz(func(t *testing.T, word uint32, x, y uint64) {
		code, err := Words(codeAt, word)
		if err != nil {
			return
		}
		g := newRig()
		for i := range g.r.X {
			g.r.X[i] = x
		}
		g.r.SP, g.r.X[3] = y, y
		before := g.r
		if err := code.Step(&g.r, &g.m); err != nil && g.r != before {
			t.Errorf("%s fails half done", code.Text(0))
		}
	})
}

// BenchmarkInstructions is one instruction of a register switch, decoded before.
func BenchmarkInstructions(b *testing.B) {
	code, err := Words(codeAt, 0xd281680a, 0x910003e9, 0xa8815113, 0xa8815915, 0xa8c15113, 0xa8c15915, 0xd1010108, 0x9100013f, 0xd5184101)
	if err != nil {
		b.Fatal(err)
	}
	g := newRig()
	b.ReportAllocs()
	for b.Loop() {
		g.r.PC, g.r.X[8] = codeAt, dataAt
		if _, err := code.Run(&g.r, &g.m, 9); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(9*float64(b.N)/b.Elapsed().Seconds(), "instructions/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/9/float64(b.N), "ns/instruction")
}
