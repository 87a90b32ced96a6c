package check

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// What a record was given it has, whatever its neighbours have and whatever it had before.
func TestRecords(t *testing.T) {
	const pieces, n = 7, 500
	r := &records{pieces: pieces}
	rng := rand.New(rand.NewPCG(1, 2))
	first := uint32(recordsABlock - n/2) // of two blocks, one of which comes to have high halves later
	var want [n][]uint32
	for round := range 3 {
		for i := range uint32(n) {
			r.reach(first + i)
			r.leave(first + i)
			if r.used(first + i) {
				t.Fatalf("record %d has a state", i)
			}
			ids := make([]uint32, pieces)
			for k := range ids {
				ids[k] = rng.Uint32N(1<<16 - 1)
				if round == 1 && i > n/2 && rng.IntN(4) == 0 {
					ids[k] += (1 + rng.Uint32N(1<<12-1)) << 16
				}
			}
			r.write(first+i, ids)
			want[i] = ids
		}
		for i := range uint32(n) {
			got := make([]uint32, pieces)
			if r.read(first+i, got); !slices.Equal(got, want[i]) || !r.used(first+i) {
				t.Fatalf("round %d: record %d has %v, want %v", round, i, got, want[i])
			}
			for k := range got {
				for _, bit := range []uint32{1, 1 << 15, 1 << 16, 1 << 27} {
					if got[k] ^= bit; r.equal(first+i, got) {
						t.Fatalf("round %d: record %d is said to have %v, and has %v", round, i, got, want[i])
					}
					got[k] ^= bit
				}
			}
			if !r.equal(first+i, got) {
				t.Fatalf("round %d: record %d is said not to have %v", round, i, got)
			}
		}
		if high := r.highs.Load(); high != int64(min(round, 1)) {
			t.Errorf("round %d: %d blocks have high halves", round, high)
		}
	}
}

// No number ends like the mark of a record that is not used, and each is found again.
func TestInternedNumbers(t *testing.T) {
	in := newInterned()
	var ids []uint32
	value := func(i int) []byte { return binary.AppendUvarint(nil, uint64(i)) }
	for i := range 3 << 15 {
		id, _ := in.id(value(i))
		if uint16(id) == unusedRecord {
			t.Fatalf("value %d has number %#x", i, id)
		}
		ids = append(ids, id)
	}
	for i, want := range ids {
		id, h := in.id(value(i))
		if id != want || in.hash(id) != h || !slices.Equal(in.at(id), value(i)) {
			t.Fatalf("value %d has number %d and bytes %x, before %d", i, id, in.at(id), want)
		}
	}
}
