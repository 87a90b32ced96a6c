package perffile

// Attrs finds the event that a record belongs to.
type Attrs struct {
	List  []*Attr
	byID  map[uint64]*Attr
	dense []*Attr // byID for ids close together, which is how kernels hand them out
	base  uint64
}

// denseIDs bounds the table: 64 Ki ids are 512 KiB.
const denseIDs = 1 << 16

// Add makes the attribute known under its ids.
func (s *Attrs) Add(a *Attr) {
	a.Index = len(s.List)
	s.List = append(s.List, a)
	if s.byID == nil {
		s.byID = make(map[uint64]*Attr)
	}
	for _, id := range a.IDs {
		s.byID[id] = a
	}
	s.tabulate()
}

func (s *Attrs) tabulate() {
	lo, hi := ^uint64(0), uint64(0)
	for id := range s.byID {
		lo, hi = min(lo, id), max(hi, id)
	}
	s.dense = nil
	if len(s.byID) == 0 || hi-lo >= denseIDs {
		return
	}
	s.base, s.dense = lo, make([]*Attr, hi-lo+1)
	for id, a := range s.byID {
		s.dense[id-lo] = a
	}
}

// OfID is nil for an id that no attribute has.
func (s *Attrs) OfID(id uint64) *Attr {
	if i := id - s.base; i < uint64(len(s.dense)) {
		return s.dense[i]
	}
	return s.byID[id]
}

// Of gives the attribute of a record, nil if there is none. Where ids are not recorded, perf
// takes the first attribute, for all must then look alike.
func (s *Attrs) Of(rec []byte) *Attr {
	if len(s.List) == 0 {
		return nil
	}
	first := s.List[0]
	if len(s.List) == 1 {
		return first
	}
	at := first.Sample.ID
	if RecordType(rec) != RecordSample {
		if first.Trailer.ID < 0 {
			return first
		}
		at = len(rec) - first.Trailer.ID
	}
	if at < recordHeader {
		return first
	}
	if at+8 > len(rec) {
		return nil
	}
	id := le.Uint64(rec[at:])
	if id == 0 && RecordType(rec) != RecordSample {
		return first // written by perf itself, about what it found before it began
	}
	return s.OfID(id)
}

// Stamp is what a record says about when and where it was written.
type Stamp struct {
	Time     uint64 // 0: not said
	PID, TID int32  // of who was running, pid being the process and tid the thread; -1: not said
	CPU      int32  // -1: not said
}

// Time of a record; 0 if the record has none or is too short to hold it.
func (s *Attrs) Time(rec []byte) uint64 {
	a := s.Of(rec)
	if a == nil {
		return 0
	}
	at := a.Sample.Time
	if RecordType(rec) != RecordSample {
		at = fromEnd(rec, a.Trailer.Time)
	}
	if at < recordHeader || at+8 > len(rec) {
		return 0
	}
	return le.Uint64(rec[at:])
}

// fromEnd turns a distance from the end into an offset; -1 stays -1.
func fromEnd(rec []byte, distance int) int {
	if distance < 0 {
		return -1
	}
	return len(rec) - distance
}

// Stamp of a record that belongs to a. ok is false if the record is too short for what a says it holds.
func (a *Attr) Stamp(rec []byte) (st Stamp, ok bool) {
	st = Stamp{PID: -1, TID: -1, CPU: -1}
	tid, when, cpu := a.Sample.TID, a.Sample.Time, a.Sample.CPU
	if RecordType(rec) == RecordSample {
		if len(rec) < a.Sample.Fixed {
			return st, false
		}
	} else {
		if len(rec) < recordHeader+a.Trailer.Size {
			return st, false
		}
		tid, when, cpu = fromEnd(rec, a.Trailer.TID), fromEnd(rec, a.Trailer.Time), fromEnd(rec, a.Trailer.CPU)
	}
	if tid >= 0 {
		st.PID, st.TID = int32(le.Uint32(rec[tid:])), int32(le.Uint32(rec[tid+4:]))
	}
	if when >= 0 {
		st.Time = le.Uint64(rec[when:])
	}
	if cpu >= 0 {
		st.CPU = int32(le.Uint32(rec[cpu:]))
	}
	return st, true
}
