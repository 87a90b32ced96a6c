//go:build linux

package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// module loads a kernel module and takes it out again, and once more. The kernel changes what its pages may be used for,
// and flushes those addresses of its own from the TLB, which no schedule shows.
func module(_ self, args []string) error {
	path, loads, err := fileAndNumber(args, "module", "loads")
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".ko")
	for range loads {
		if err := unix.InitModule(content, ""); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
		if err := unix.DeleteModule(name, 0); err != nil {
			return fmt.Errorf("take %s out: %w", name, err)
		}
		nap := unix.Timespec{Nsec: 400_000}
		if err := unix.Nanosleep(&nap, nil); err != nil && err != unix.EINTR {
			return err
		}
	}
	return nil
}
