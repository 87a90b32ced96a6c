// Package trace reads recorded schedules: one event model, a reader for each format.
//
// The recordings are those that perf and ftrace write:
//
//   - perf.data, as a file or from a pipe, compressed or not (perf sched record, perf record -e sched:*)
//   - the text of the tracing directory's trace and trace_pipe
//
// Open finds out which it is from the contents. A Reader gives the scheduler's events in the order
// of time, and says what is missing: Losses counts it, a DamageError says where a file stops making
// sense. Both matter to whoever replays a recording, because a schedule with a gap is not a schedule.
//
// # Order and memory
//
// perf writes CPU by CPU, in rounds; an event is given out when its round guarantees that no older
// one follows. What waits for that is not held in memory if the source can be read twice: then only
// its places are, for up to 131072 stretches of records. From a pipe, and where records are
// compressed, the records themselves wait, packed, in up to 32 MiB. Beyond these bounds the older
// half is given out early, and what turns out to be in the wrong place is counted as Disordered.
// ftrace text is given in the order of its lines.
//
// # Limits
//
// Not read: big-endian recordings, perf.data directories (perf record --threads), perf.data version 1,
// trace.dat, and ftrace text with the latency-format option. A file in file mode that was cut short has
// lost its tracepoint formats, see WithFormats. ftrace text names no clock, rounds to microseconds and
// gives of prev_state the letter only.
package trace
