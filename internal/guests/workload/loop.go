//go:build linux

package workload

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// attachLoop makes a file a block device. All its I/O is done by a kernel worker, which works on the file on behalf of
// whoever writes to the device.
func attachLoop(path string, size int64) (device string, err error) {
	backing, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer backing.Close()
	if err := backing.Truncate(size); err != nil {
		return "", err
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("loop devices need the module loop: %w", err)
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return "", fmt.Errorf("no free loop device: %w", err)
	}
	device = fmt.Sprintf("/dev/loop%d", number)
	loop, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	err = unix.IoctlSetInt(int(loop.Fd()), unix.LOOP_SET_FD, int(backing.Fd()))
	return device, errors.Join(err, loop.Close())
}
