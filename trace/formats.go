package trace

import (
	"fmt"
	"io/fs"

	"switchyard/trace/internal/tracepoint"
)

// Option changes how a recording is read.
type Option func(*options)

type options struct{ tracing fs.FS }

// WithFormats lends a perf.data the tracepoint formats it has lost. perf writes them at the end of a
// file, so a recorder that was killed leaves samples that nobody can name. tracing is the tracing
// directory, as /sys/kernel/tracing, of the very kernel that was recorded: another kernel numbers its
// tracepoints differently, which the recording does not tell.
func WithFormats(tracing fs.FS) Option {
	return func(o *options) { o.tracing = tracing }
}

// lentFormats reads the formats of the systems that have events for us.
func lentFormats(tracing fs.FS) (map[uint64]*tracepoint.Format, error) {
	formats := map[uint64]*tracepoint.Format{}
	for _, system := range []string{"sched", "task"} {
		paths, err := fs.Glob(tracing, "events/"+system+"/*/format")
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			text, err := fs.ReadFile(tracing, path)
			if err != nil {
				return nil, err
			}
			f, err := tracepoint.Parse(system, string(text))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			formats[f.ID] = f
		}
	}
	if len(formats) == 0 {
		return nil, fmt.Errorf("no events/sched/*/format is in the tracing directory that should lend its formats")
	}
	return formats, nil
}
