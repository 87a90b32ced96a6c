//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// maxSample is how large the bundled recording may be: everybody who clones the project carries it.
const maxSample = 4 << 20

// bundle compresses the recording into the project and writes its provenance beside it.
func (s sample) bundle(ctx context.Context, recording string, p provenance) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	p.File = fmt.Sprintf("mixed-%s-%s-%dcpu.perf.data.zst", series(p.Release), p.Arch, p.CPUs)
	path := filepath.Join(s.out, p.File)
	if err := compress(ctx, recording, path); err != nil {
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

// compress uses the zstd program: its highest ordinary level makes the file a quarter smaller than Go's encoder can, and
// everybody who clones the project downloads it.
func compress(ctx context.Context, from, to string) error {
	if _, err := exec.LookPath("zstd"); err != nil {
		return errors.New("zstd is not installed: it compresses the recording; apt-get install zstd")
	}
	out, err := exec.CommandContext(ctx, "zstd", "-19", "--quiet", "--force", "-o", to, from).CombinedOutput()
	if err != nil {
		return fmt.Errorf("zstd: %w\n%s", err, out)
	}
	return nil
}
