// Package tape is the file that the recorder writes: an Arrow IPC stream of zstd record batches, one row an event.
//
// docs/recording.md describes the columns. A file whose writer was killed is good to its last whole batch.
package tape
