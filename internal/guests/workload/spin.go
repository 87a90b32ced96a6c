//go:build linux

package workload

import "runtime"

// spin computes without a system call, so that only the timer takes the CPU away from it.
func spin(_ self, args []string) error {
	n, err := numbers(args, "amount")
	if err != nil {
		return err
	}
	compute(n[0])
	return nil
}

// compute is a fixed amount of work: one unit is some ten microseconds on a common machine.
func compute(units int) {
	x := uint64(88172645463325252)
	for range units {
		for range 10_000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
	runtime.KeepAlive(x) // or the compiler might see that nobody needs the result
}
