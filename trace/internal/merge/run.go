package merge

// Run is a stretch of records, none older than the one before it.
type Run struct {
	First      uint64 // time of the first record
	Last       uint64 // time of the last
	Start, End int64  // where it is in the file

	Chunk  *Chunk // holds the bytes if the file cannot be read again; nil if it can
	Lo, Hi int    // the run's part of it
	Still  bool   // every record of the run is reported at Start: they were compressed into one place
}
