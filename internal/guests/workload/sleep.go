//go:build linux

package workload

import "golang.org/x/sys/unix"

// doze sleeps many times for a moment: the CPU goes idle and comes back, which is what most CPUs do most of the time.
func doze(_ self, args []string) error {
	n, err := numbers(args, "naps")
	if err != nil {
		return err
	}
	for range n[0] {
		nap := unix.Timespec{Nsec: 400_000}
		if err := unix.Nanosleep(&nap, nil); err != nil && err != unix.EINTR {
			return err
		}
	}
	return nil
}
