package merge

import "io"

// Memory that cursors may take for reading ahead, and what one takes. The last of it goes to
// cursors that read a record at a time, so that a file of a million overlapping runs is
// slow and not large.
const (
	readAhead = 64 << 10
	budget    = 24 << 20
)

// Queue gives the records of its runs in the order of time.
type Queue struct {
	At   io.ReaderAt         // where runs without a chunk are read again
	Time func([]byte) uint64 // of a record; 0 if it has none: it then goes with the one before it
	Pool *Pool

	heap    []*cursor
	seq     uint64
	given   bool // the record on top has been given out
	stores  [][]byte
	idle    []*cursor
	spent   int
	scratch []byte
}

// Len is the number of runs that have not been given out entirely.
func (q *Queue) Len() int { return len(q.heap) }

// Oldest is the time of the oldest record.
func (q *Queue) Oldest() uint64 {
	if len(q.heap) == 0 {
		return 0
	}
	return q.heap[0].time
}

// Add takes in a run, and a hold on its chunk from the caller.
//
// Preconditions: Next has just given nothing, or has never been called.
func (q *Queue) Add(r Run) {
	c := q.cursor()
	q.seq++
	*c = cursor{time: r.First, seq: q.seq, offset: r.Start, end: r.End, chunk: r.Chunk, lo: r.Lo, hi: r.Hi, still: r.Still}
	q.heap = append(q.heap, c)
	q.up(len(q.heap) - 1)
}

func (q *Queue) cursor() *cursor {
	if n := len(q.idle); n > 0 {
		c := q.idle[n-1]
		q.idle = q.idle[:n-1]
		return c
	}
	return new(cursor)
}

// Next gives the oldest record if it is not younger than limit, valid until the queue is used again.
func (q *Queue) Next(limit uint64) (rec []byte, offset int64, time uint64, err error) {
	if q.given {
		if err := q.advance(); err != nil {
			return nil, 0, 0, err
		}
	}
	if len(q.heap) == 0 || q.heap[0].time > limit {
		return nil, 0, 0, nil
	}
	c := q.heap[0]
	if !c.open {
		if err := q.open(c); err != nil {
			q.drop()
			return nil, c.offset, 0, err
		}
	}
	if c.poor || len(c.buf) == 0 {
		if err := c.load(q.At, q.scratch); err != nil {
			q.drop()
			return nil, c.offset, 0, err
		}
	}
	q.given = true
	return c.buf[:size(c.buf)], c.offset, c.time, nil
}

// advance moves the run on top to its next record.
func (q *Queue) advance() error {
	q.given = false
	c := q.heap[0]
	if !c.step() {
		q.drop()
		return nil
	}
	if err := c.load(q.At, q.scratch); err != nil {
		q.drop()
		return err
	}
	if t := q.Time(c.buf[:size(c.buf)]); t > c.time {
		c.time = t
		q.down(0)
	}
	return nil
}

// open gives a cursor its memory.
func (q *Queue) open(c *cursor) error {
	c.open = true
	if c.chunk != nil {
		if err := q.Pool.read(c.chunk); err != nil {
			c.open = false
			return err
		}
		c.buf = c.chunk.Data[c.lo:c.hi]
		return nil
	}
	want := int(min(c.end-c.offset, readAhead))
	if q.spent+readAhead > budget {
		c.poor = true
		if q.scratch == nil {
			q.scratch = make([]byte, readAhead)
		}
		return nil
	}
	q.spent += readAhead
	if n := len(q.stores); n > 0 {
		c.store, q.stores = q.stores[n-1][:want], q.stores[:n-1]
		return nil
	}
	c.store = make([]byte, want, readAhead)
	return nil
}

// drop takes away the run on top.
func (q *Queue) drop() {
	q.given = false
	c := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.down(0)
	}
	switch {
	case c.chunk == nil:
	case c.open:
		q.Pool.done(c.chunk)
	default:
		q.Pool.Release(c.chunk)
	}
	if c.store != nil {
		q.stores = append(q.stores, c.store[:readAhead])
		q.spent -= readAhead
	}
	offset := c.offset
	*c = cursor{offset: offset}
	q.idle = append(q.idle, c)
}
