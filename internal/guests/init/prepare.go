//go:build linux

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var mounts = []struct{ kind, target string }{
	{"devtmpfs", "/dev"},
	{"proc", "/proc"},
	{"sysfs", "/sys"},
	{"tracefs", "/sys/kernel/tracing"},
	{"bpf", "/sys/fs/bpf"},
	{"tmpfs", "/tmp"},
}

// prepare mounts what programs expect of a Linux system and gives the guest a name.
func prepare() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.target, err)
		}
	}
	return unix.Sethostname([]byte("guest"))
}

func loadModules(paths []string) error {
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := unix.InitModule(content, ""); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}
