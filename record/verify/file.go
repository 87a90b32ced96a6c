package verify

import (
	"context"
	"fmt"
	"os"

	"switchyard/record/tape"
)

// File verifies a recording in a file.
func File(ctx context.Context, path string) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := tape.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; verify reads what `switchyard record` writes", path, err)
	}
	report, err := Run(ctx, in, Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return report, nil
}
