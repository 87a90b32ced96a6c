package check

import (
	"slices"
	"sync"
	"testing"
)

// Whoever takes, each chunk is taken once, and none beyond what may be taken.
func TestFrontier(t *testing.T) {
	const workers, chunks = 4, 3 * batch / taken
	s := &search{hi: chunks * taken}
	for i := range workers {
		s.workers = append(s.workers, &worker{s: s, index: i})
	}
	var own []uint32
	for i := range uint32(chunks) {
		own = append(own, i*taken)
	}
	s.workers[1].frontier.begin(own) // the others find nothing of their own
	got := make([][]uint64, workers)
	for batches := 0; s.openBatch(); batches++ {
		if left := len(s.workers[1].frontier.left()); left > chunks-batches*batch/taken/workers {
			t.Fatalf("after %d batches %d chunks are left", batches, left)
		}
		var wg sync.WaitGroup
		for i, w := range s.workers {
			wg.Go(func() {
				for w.take() {
					got[i] = append(got[i], w.from)
				}
			})
		}
		wg.Wait()
		if n := len(slices.Concat(got...)); n > (batches+1)*(batch/taken/workers+1) {
			t.Fatalf("%d chunks were taken in %d batches", n, batches+1)
		}
	}
	all := slices.Concat(got...)
	slices.Sort(all)
	for i, from := range all {
		if from != uint64(i)*taken {
			t.Fatalf("chunk %d is %d", i, from)
		}
	}
	if len(all) != chunks || len(s.workers[1].frontier.left()) != 0 {
		t.Errorf("%d of %d chunks were taken", len(all), chunks)
	}
}

// What a worker has itself it takes first.
func TestFrontierOwnFirst(t *testing.T) {
	s := &search{hi: 100 * taken}
	for i := range 2 {
		w := &worker{s: s, index: i}
		w.frontier.begin([]uint32{uint32(i) * taken, uint32(i+2) * taken})
		s.workers = append(s.workers, w)
	}
	s.openBatch()
	var got []uint64
	for w := s.workers[1]; w.take(); {
		got = append(got, w.from/taken)
	}
	if want := []uint64{1, 3, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("worker 1 took %d, want %d", got, want)
	}
}
