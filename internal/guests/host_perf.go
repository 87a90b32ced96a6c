//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"switchyard/internal/guests/debian"
	"switchyard/internal/guests/sysroot"
)

// hostPerf is perf for this machine, run from its package: it need not be installed.
func hostPerf(ctx context.Context) (func(context.Context, ...string) *exec.Cmd, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	archive, err := debian.Open(ctx, cache, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	pkg, err := archive.UnpackWithDependencies(ctx, "linux-perf")
	if err != nil {
		return nil, err
	}
	files, err := sysroot.Closure(pkg.Dir, "/usr/bin/perf")
	if err != nil {
		return nil, err
	}
	var linker string
	dirs := map[string]bool{}
	for _, file := range files[1:] {
		if strings.HasPrefix(filepath.Base(file.Path), "ld-linux") {
			linker = file.Host
		}
		dirs[filepath.Join(pkg.Dir, filepath.Dir(file.Path))] = true
	}
	path := strings.Join(slices.Sorted(maps.Keys(dirs)), ":")
	return func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, linker, append([]string{"--library-path", path, files[0].Host}, args...)...)
	}, nil
}

// pipeTo runs a command and reads its output while it is made.
func pipeTo(cmd *exec.Cmd, read func(io.Reader) error) error {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(out)
	if readErr != nil {
		cmd.Process.Kill() // nobody reads any more: it would wait for ever
	}
	if err := cmd.Wait(); err != nil {
		return errors.Join(readErr, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, complaint.String()))
	}
	return readErr
}
