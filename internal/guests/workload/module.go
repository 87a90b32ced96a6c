//go:build linux

package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// module loads a kernel module and takes it out again, and once more. The kernel changes what its pages may be used for,
// and flushes those addresses of its own from the TLB, which no schedule shows.
func module(_ self, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want the arguments %q, got %q", []string{"module", "loads"}, args)
	}
	loads, err := strconv.Atoi(args[1])
	if err != nil || loads < 1 {
		return fmt.Errorf("loads must be a whole number above 0, not %q", args[1])
	}
	content, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".ko")
	for range loads {
		if err := unix.InitModule(content, ""); err != nil {
			return fmt.Errorf("load %s: %w", args[0], err)
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
