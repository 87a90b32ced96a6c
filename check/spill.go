package check

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// When memory is full all states go to disk. From then on the set in memory has only what was come upon since
// it was last emptied: at the end of a depth, and whenever it is full, it is gone through in the order of
// the hashes beside what is on disk, and what is not there yet is new.

// spill moves all states to disk, in the middle of depth d.
func (s *search) spill(d int) (stopped string) {
	k, err := openDisk(s.opt.Spill, s.opt.fs, s.seen.pieces, s.opt.Memory)
	if err != nil {
		return s.diskSays(err)
	}
	s.disk = k
	if err := s.moveOut(d); err != nil {
		return s.diskSays(err)
	}
	return ""
}

func (s *search) moveOut(d int) error {
	k := s.disk
	for at := range d {
		k.levels = append(k.levels, k.next)
		if err := s.writeOut(span{uint64(s.levels[at]), uint64(s.levels[at+1])}); err != nil {
			return err
		}
	}
	k.levels = append(k.levels, k.next)
	var rest []span
	for _, w := range s.workers {
		rest = append(rest, span{w.from, w.to})
		w.from, w.to = 0, 0
		for _, from := range w.frontier.left() {
			rest = append(rest, span{uint64(from), min(uint64(from)+taken, s.hi)})
		}
	}
	if err := s.writeOut(without(span{uint64(s.levels[d]), uint64(s.levels[d+1])}, rest)...); err != nil {
		return err
	}
	k.resume = k.next
	if err := s.writeOut(rest...); err != nil {
		return err
	}
	k.levels = append(k.levels, k.next)
	if err := s.writeOut(span{uint64(s.levels[d+1]), uint64(s.seen.next.Load())}); err != nil {
		return err
	}
	s.news = k.next > k.levels[d+1]
	return s.shelve(false)
}

// span is states by their numbers.
type span struct{ from, to uint64 }

// lookedUp is what a state in memory takes besides its record while it is looked up on disk: its entry in
// the table once more and, where it is new, its record.
func (s *search) lookedUp() int64 { return 8 + 4*int64(s.seen.pieces) }

// without is what of all is in none of the others.
func without(all span, others []span) []span {
	slices.SortFunc(others, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var left []span
	for _, o := range others {
		if o.from >= o.to {
			continue
		}
		left = append(left, span{all.from, o.from})
		all.from = o.to
	}
	return append(left, all)
}

// writeOut adds states that are in memory to the windows.
func (s *search) writeOut(spans ...span) error {
	var records []uint32
	ids := make([]uint32, s.seen.pieces)
	for _, sp := range spans {
		for id := sp.from; id < sp.to; id++ {
			if s.seen.states.used(uint32(id)) {
				s.seen.states.read(uint32(id), ids)
				records = append(records, ids...)
			}
			if len(records) >= aWindow*s.seen.pieces {
				if err := s.disk.write(records); err != nil {
					return err
				}
				records = records[:0]
			}
		}
	}
	return s.disk.write(records)
}

// shelve puts the states that are in memory on disk, and empties memory. With asNew those that were there are
// left out, and the others are counted and written to the windows.
func (s *search) shelve(asNew bool) error {
	fresh := make([][]uint32, len(s.workers))
	errs := make([]error, len(s.workers))
	s.all(func(w *worker) { fresh[w.index], errs[w.index] = w.shelve(asNew) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if asNew {
		for _, records := range fresh {
			n := len(records) / s.seen.pieces
			s.distinct.Add(uint64(n))
			s.news = s.news || n > 0
			if err := s.disk.write(records); err != nil {
				return err
			}
		}
	}
	s.seen.empty()
	for _, w := range s.workers {
		w.spare, w.spareEnd, w.wrote = 0, 0, w.wrote[:0]
		clear(w.recent)
	}
	s.disk.measure()
	s.onDisk.Store(s.disk.peak)
	return nil
}

// shelve does so with the worker's share. It returns the states that are new.
func (w *worker) shelve(asNew bool) (fresh []uint32, err error) {
	v, d := w.s.seen, w.s.disk
	all := w.share()
	it, err := d.db.NewIter(&pebble.IterOptions{UpperBound: []byte{keyWindow}})
	if err != nil {
		return nil, err
	}
	batch := d.db.NewBatch()
	var key []byte
	ids := make([]uint32, v.pieces)
	for _, e := range all {
		v.states.read(uint32(e)-1, ids)
		key = d.appendKey(key[:0], uint32(e>>32), ids)
		if asNew && it.SeekGE(key) && bytes.Equal(it.Key(), key) {
			continue
		}
		if asNew {
			fresh = append(fresh, ids...)
		}
		if err = batch.Set(key, nil, nil); err != nil {
			break
		}
		if batch.Len() > 1<<20 {
			if err = d.try(func() error { return batch.Commit(pebble.NoSync) }); err != nil {
				break
			}
			batch = d.db.NewBatch()
		}
	}
	if e := it.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.try(func() error { return batch.Commit(pebble.NoSync) })
	}
	return fresh, err
}

// share is the worker's part of the table, in the order of the hashes.
func (w *worker) share() []uint64 {
	table, n := w.s.seen.table, len(w.s.workers)
	var all []uint64
	for i := len(table) * w.index / n; i < len(table)*(w.index+1)/n; i++ {
		if e := table[i].Load(); e != 0 {
			all = append(all, e)
		}
	}
	slices.Sort(all) // they nearly are
	return all
}

// fromDisk goes on from the states of depth d that are on disk, from the given window on.
func (s *search) fromDisk(ctx context.Context, d int, window uint64) string {
	for end := s.disk.levels[d+1]; window < end; window++ {
		var err error
		if s.window, err = s.disk.read(window, s.window); err != nil {
			return s.diskSays(err)
		}
		s.hi = uint64(len(s.window) / s.seen.pieces)
		s.frontier.Store(int64((end - window) * aWindow))
		s.deal()
		if stopped := s.goOn(ctx, d); stopped != "" {
			return stopped
		}
	}
	if err := s.shelve(true); err != nil {
		return s.diskSays(err)
	}
	return ""
}

func (s *search) diskSays(err error) string {
	return fmt.Sprintf("states did not fit into memory and could not be kept in %s: %v", s.opt.Spill, err)
}
