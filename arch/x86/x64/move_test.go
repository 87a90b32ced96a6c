package x64

import (
	"bytes"
	"testing"
)

// A replacement is linked elsewhere: what leads out of it is corrected, what stays inside is not.
func TestPatch(t *testing.T) {
	const addr, from = 0x1000, 0x9000
	code := bytes.Repeat([]byte{0xcc}, 32)
	// call over an int3; mov $-1,%gs:0x100(%rip); jmp to 0x5000
	replacement := bytesOf(t, "e801000000 cc 6548c70500010000ffffffff e9e9bfffff")
	got, err := Patch(code, addr, addr+4, 25, replacement, from)
	if err != nil {
		t.Fatal(err)
	}
	want := append(bytes.Repeat([]byte{0xcc}, 4), bytesOf(t, "e801000000 cc 6548c705fc800000ffffffff e9e53f0000 9090")...)
	want = append(want, 0xcc, 0xcc, 0xcc)
	if !bytes.Equal(got, want) {
		t.Errorf("% x\nwant\n% x", got, want)
	}
	moved, err := Decode(got[10:27], addr+10)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := Decode(replacement[6:], from+6)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := linked.At(1).Target()
	if b, _ := moved.At(1).Target(); a != b {
		t.Errorf("the jump leads to %#x, it was %#x", b, a)
	}
	for _, bad := range []struct {
		at          uint64
		n           int
		replacement []byte
	}{{addr - 1, 4, nil}, {addr + 30, 4, nil}, {addr + 40, 0, nil}, {addr, 1, []byte{0x90, 0x90}}, {addr, 4, []byte{0xe8, 0}}} {
		if _, err := Patch(code, addr, bad.at, bad.n, bad.replacement, from); err == nil {
			t.Errorf("%+v was patched in", bad)
		}
	}
}
