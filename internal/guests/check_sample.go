//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"
)

func checkSample() *cobra.Command {
	return &cobra.Command{
		Use:   "check-sample FILE.perf.data.zst",
		Short: "Have perf read a bundled recording, and check that it is whole and names no strangers",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return check(cmd.Context(), args[0]) },
	}
}

func check(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp("", "switchyard-sample-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	recording := filepath.Join(dir, "perf.data")
	if err := decompress(path, recording); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c, err := checkRecording(ctx, recording)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Printf("%s: %d switches on %d CPUs, nothing lost, %d names\n", path, c.Total(), len(c.Switches), len(c.Names))
	return nil
}

func decompress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	dec, err := zstd.NewReader(in)
	if err != nil {
		return err
	}
	defer dec.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, dec)
	return errors.Join(err, out.Close())
}
