package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// maxSample is how large the bundled recording may be: everybody who clones the project carries it.
const maxSample = 4 << 20

// bundle compresses the recording into the project and writes its provenance beside it.
func (s sample) bundle(recording string, p provenance) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	p.File = fmt.Sprintf("mixed-%s-%s-%dcpu.perf.data.zst", series(p.Release), p.Arch, p.CPUs)
	path := filepath.Join(s.out, p.File)
	if err := compress(recording, path); err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data) > maxSample {
		return fmt.Errorf("%s has %d bytes, more than the %d a bundled sample may have; record with a smaller -percent", path, len(data), maxSample)
	}
	p.Size, p.SHA256 = len(data), fmt.Sprintf("%x", sha256.Sum256(data))
	if err := os.WriteFile(filepath.Join(s.out, "README.md"), []byte(p.readme()), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d switches, %d bytes\n", path, p.Counts.Total(), p.Size)
	return nil
}

func compress(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	// One window over the whole file: the records of an event resemble each other at any distance.
	enc, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20))
	if err != nil {
		return errors.Join(err, out.Close())
	}
	_, err = io.Copy(enc, in)
	return errors.Join(err, enc.Close(), out.Close())
}
