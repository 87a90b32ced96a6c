package mem

import (
	"errors"
	"testing"
)

type object struct{ A, B, C uint64 }

func TestMemory(t *testing.T) {
	things, others := make([]object, 3), make([]object, 2)
	m := Memory{Arrays: []Array{
		Of("thing", 0x1000, 8, 0x40, things),
		Of("other", 0x8000, 5, 0, others),
	}}
	a := &m.Arrays[0]
	if err := m.Store(a.Addr(1)+0x48, 7); err != nil || things[1].B != 7 {
		t.Errorf("%v, %v", err, things)
	}
	others[1].C = 9
	if v, err := m.Load(0x8020 + 16); v != 9 || err != nil {
		t.Errorf("read %d, %v", v, err)
	}
	for _, addr := range []uint64{0, 0xfff, 0x1000, 0x1038, 0x1044, 0x1058, 0x1340, 0x8018, 0x8040, ^uint64(7)} {
		_, err := m.Load(addr)
		if f, ok := errors.AsType[*Fault](err); !ok || f.Addr != addr || f.Write {
			t.Errorf("load of %#x: %v", addr, err)
		}
		if err := m.Store(addr, 1); err == nil {
			t.Errorf("store to %#x went through", addr)
		}
	}
	for addr, want := range map[uint64]int{0xfff: -1, 0x1000: 0, 0x10ff: 0, 0x1100: 1, 0x12ff: 2, 0x1300: -1} {
		if got := a.Index(addr); got != want {
			t.Errorf("%#x is in object %d, want %d", addr, got, want)
		}
	}
}
