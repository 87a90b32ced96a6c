package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is where states go that memory does not hold. Each stands there twice: under its hash and its pieces,
// to be found again, and in windows, one after another in the order of their depths, to be gone on from.
// Pieces stay in memory, so what is written means nothing to anybody else.
type disk struct {
	db     *pebble.DB
	cache  *pebble.Cache
	dir    string
	pieces int
	memory int64 // what the store itself may take

	levels []uint64 // where the windows of each depth begin
	next   uint64   // the next window
	resume uint64   // of the depth at which memory was full, the first that was not gone on from
	peak   int64

	failed chan struct{} // closed when the store cannot write any more
	once   sync.Once
	err    error
}

const (
	aWindow   = 1 << 14 // records
	keyState  = 0
	keyWindow = 1
)

// diskMemory is the part of the memory that is allowed which the store takes.
func diskMemory(allowed int64) int64 { return max(allowed/4, 1<<20) }

// openDisk makes an empty store in a directory of its own, which close removes again.
func openDisk(in string, fs vfs.FS, pieces int, memory int64) (*disk, error) {
	dir, err := os.MkdirTemp(in, "switchyard-check-")
	if err != nil {
		return nil, err
	}
	d := &disk{dir: dir, pieces: pieces, failed: make(chan struct{}), memory: diskMemory(memory)}
	d.cache = pebble.NewCache(d.memory / 2)
	opt := &pebble.Options{FS: fs, Cache: d.cache, DisableWAL: true, MemTableSize: uint64(max(d.memory/4, 256<<10)), MemTableStopWritesThreshold: 2,
		Logger: quietLogger{d}}
	opt.EventListener = &pebble.EventListener{BackgroundError: d.fail}
	if d.db, err = pebble.Open(dir, opt); err != nil {
		d.cache.Unref()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

// quietLogger keeps what the store has to say off the terminal. What it would end the process for ends the
// search.
type quietLogger struct{ d *disk }

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}
func (l quietLogger) Fatalf(format string, args ...any) {
	l.d.fail(fmt.Errorf(format, args...))
	select {} // it counts on not coming back
}

func (d *disk) fail(err error) {
	d.once.Do(func() {
		d.err = err
		close(d.failed)
	})
}

// try does something that the store may never come back from when it cannot write.
func (d *disk) try(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-d.failed:
		return d.err
	}
}

// close gives up what is on disk.
func (d *disk) close() {
	d.measure()
	select {
	case <-d.failed:
	default:
		_ = d.try(d.db.Close) // what is in it is of no use to anybody
		d.cache.Unref()
	}
	// A store that failed may still be trying to write.
	for range 100 {
		if os.RemoveAll(d.dir) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (d *disk) measure() {
	select {
	case <-d.failed:
	default:
		m := d.db.Metrics()
		d.peak = max(d.peak, int64(m.DiskSpaceUsage()))
	}
}

// appendKey makes the key of a state: half of its hash, so that those that are looked up together stand in
// the same order, and all of its pieces.
func (d *disk) appendKey(b []byte, hash uint32, ids []uint32) []byte {
	b = append(b, keyState)
	b = binary.BigEndian.AppendUint32(b, hash)
	return append(b, recordBytes(ids)...)
}

func recordBytes(ids []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids))
}

func windowKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyWindow}, n) }

// write adds states to the windows.
func (d *disk) write(records []uint32) error {
	for len(records) > 0 {
		n := min(len(records), aWindow*d.pieces)
		if err := d.try(func() error { return d.db.Set(windowKey(d.next), recordBytes(records[:n]), pebble.NoSync) }); err != nil {
			return err
		}
		d.next++
		records = records[n:]
	}
	return nil
}

// read returns the states of a window.
func (d *disk) read(n uint64, into []uint32) ([]uint32, error) {
	b, c, err := d.db.Get(windowKey(n))
	if err != nil {
		return nil, err
	}
	into = append(into[:0], make([]uint32, len(b)/4)...)
	copy(recordBytes(into), b)
	return into, c.Close()
}
