package merge

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// record is 16 bytes: a header with the size, and a time.
func record(time uint64) []byte {
	b := make([]byte, 8, 16)
	binary.LittleEndian.PutUint16(b[6:], 16)
	return binary.LittleEndian.AppendUint64(b, time)
}

func timeOf(rec []byte) uint64 { return binary.LittleEndian.Uint64(rec[8:]) }

// TestQueueAgainstSort compares the merge with sorting everything.
func TestQueueAgainstSort(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var file []byte
		var want []uint64
		var runs []Run
		for range 1 + rng.IntN(40) {
			run := Run{Start: int64(len(file))}
			when := 1 + rng.Uint64N(1000)
			run.First = when
			for range 1 + rng.IntN(300) {
				file = append(file, record(when)...)
				want = append(want, when)
				run.Last = when
				when += rng.Uint64N(20)
			}
			run.End = int64(len(file))
			runs = append(runs, run)
		}
		slices.Sort(want)
		for name, got := range map[string][]uint64{
			"file":            drain(t, &Queue{At: bytes.NewReader(file), Time: timeOf}, runs),
			"file, no memory": drain(t, &Queue{At: bytes.NewReader(file), Time: timeOf, spent: budget}, runs),
			"packed chunks":   drainChunks(t, file, runs),
		} {
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s: the order is wrong", seed, name)
			}
		}
	}
}

func drain(t *testing.T, q *Queue, runs []Run) (times []uint64) {
	t.Helper()
	for _, r := range runs {
		q.Add(r)
	}
	for limit := uint64(500); ; limit = math.MaxUint64 {
		for {
			rec, _, when, err := q.Next(limit)
			if err != nil {
				t.Fatal(err)
			}
			if rec == nil {
				break
			}
			if timeOf(rec) != when {
				t.Fatalf("a record of %d is reported at %d", timeOf(rec), when)
			}
			times = append(times, when)
		}
		if limit == math.MaxUint64 {
			return times
		}
	}
}

// drainChunks holds each run in a chunk of its own, some of which are packed.
func drainChunks(t *testing.T, file []byte, runs []Run) []uint64 {
	t.Helper()
	var pool Pool
	pool.packed = packAbove
	for i, r := range runs {
		c := pool.Get()
		c.Hold()
		r.Chunk, r.Lo = c, 8
		r.Hi = r.Lo + copy(c.Data[r.Lo:], file[r.Start:r.End])
		if i%2 == 0 {
			pool.Rest(c)
		}
		pool.Release(c)
		runs[i] = r
	}
	times := drain(t, &Queue{Time: timeOf, Pool: &pool}, runs)
	if pool.Held() != packAbove {
		t.Errorf("%d bytes are still held", pool.Held()-packAbove)
	}
	return times
}
