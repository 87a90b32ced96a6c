//go:build linux

package workload

import (
	"errors"

	"golang.org/x/sys/unix"
)

// filter attaches packet filters and takes them off again. The kernel compiles each, writes it into its text through an
// address space of its own and changes what its pages may be used for: flushes and switches of address spaces that are
// no part of any schedule.
func filter(_ self, args []string) error {
	n, err := numbers(args, "filters")
	if err != nil {
		return err
	}
	for range n[0] {
		if err := attachFilter(); err != nil {
			return err
		}
		nap := unix.Timespec{Nsec: 400_000}
		if err := unix.Nanosleep(&nap, nil); err != nil && err != unix.EINTR {
			return err
		}
	}
	return nil
}

func attachFilter() error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	everything := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}
	err = unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &everything})
	return errors.Join(err, unix.Close(socket))
}
