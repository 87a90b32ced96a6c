package perffile

// recordHeader is type, misc and size, in front of every record.
const recordHeader = 8

// MaxRecord is the largest size a record can state.
const MaxRecord = 1<<16 - 1

// Records the kernel writes.
const (
	RecordMmap        = 1
	RecordLost        = 2
	RecordComm        = 3
	RecordExit        = 4
	RecordFork        = 7
	RecordSample      = 9
	RecordMmap2       = 10
	RecordLostSamples = 13
	lastKernelRecord  = 22
)

// Records perf writes between them.
const (
	firstToolRecord     = 64
	RecordHeaderAttr    = 64
	RecordTracingData   = 66
	RecordFinishedRound = 68
	RecordAuxtrace      = 71
	RecordEventUpdate   = 78
	RecordHeaderFeature = 80
	RecordCompressed    = 81
	RecordCompressed2   = 83
	lastToolRecord      = 84
)

// MiscCommExec marks a COMM record that an exec caused.
const MiscCommExec = 1 << 13

// MiscMmapData marks a mapping that is not executable.
const MiscMmapData = 1 << 13

// RecordType of a whole record.
func RecordType(rec []byte) uint32 { return le.Uint32(rec) }

// RecordMisc is its misc field.
func RecordMisc(rec []byte) uint16 { return le.Uint16(rec[4:]) }

// RecordSize is what the record says its size is.
func RecordSize(rec []byte) int { return int(le.Uint16(rec[6:])) }

// FromTool says that perf wrote the record, not the kernel: such a record has no time.
func FromTool(rec []byte) bool { return RecordType(rec) >= firstToolRecord }

// Known says whether a type of record existed when this was written.
func Known(t uint32) bool {
	return t >= RecordMmap && t <= lastKernelRecord || t >= firstToolRecord && t <= lastToolRecord
}

// Task is the body of FORK and EXIT.
type Task struct{ PID, PPID, TID, PTID int32 }

// ParseTask reads FORK and EXIT.
func ParseTask(rec []byte) (Task, bool) {
	if len(rec) < recordHeader+16 {
		return Task{}, false
	}
	b := rec[recordHeader:]
	return Task{int32(le.Uint32(b)), int32(le.Uint32(b[4:])), int32(le.Uint32(b[8:])), int32(le.Uint32(b[12:]))}, true
}

// ParseIDs reads the pid and tid with which COMM, MMAP and MMAP2 begin.
func ParseIDs(rec []byte) (pid, tid int32, ok bool) {
	if len(rec) < recordHeader+8 {
		return 0, 0, false
	}
	return int32(le.Uint32(rec[8:])), int32(le.Uint32(rec[12:])), true
}

// CommText is the name in a COMM record, with the bytes behind it.
func CommText(rec []byte) []byte { return rec[min(len(rec), recordHeader+8):] }

// ParseLost reads the count out of LOST (which names the event first) and LOST_SAMPLES.
func ParseLost(rec []byte) (uint64, bool) {
	at := recordHeader
	if RecordType(rec) == RecordLost {
		at += 8
	}
	if len(rec) < at+8 {
		return 0, false
	}
	return le.Uint64(rec[at:]), true
}
