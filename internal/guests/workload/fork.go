//go:build linux

package workload

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fork makes children that never exec: each has a copy of its parent's address space until it ends.
func fork(_ self, args []string) error {
	n, err := numbers(args, "rounds", "siblings")
	if err != nil {
		return err
	}
	for range n[0] {
		if err := litter(n[1]); err != nil {
			return err
		}
	}
	return nil
}

// litter forks several children before it waits for the first.
func litter(siblings int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pids []int
	for range siblings {
		pid, err := forkOne()
		if err != nil {
			return fmt.Errorf("fork: %w", err)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		var status unix.WaitStatus
		if _, err := retry(func() (int, error) { return unix.Wait4(pid, &status, 0, nil) }); err != nil {
			return err
		}
		if status.ExitStatus() != 0 {
			return fmt.Errorf("forked child ended with %d", status.ExitStatus())
		}
	}
	return nil
}

// forkOne is fork(2), which Go does not offer because a child has only the calling thread and so no Go runtime. The child
// here needs none: all signals are blocked over the call, and it does nothing but system calls.
func forkOne() (int, error) {
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^uint64(0)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return 0, err
	}
	pid, errno := forkAndExit()
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil); err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}

// forkAndExit must not grow its stack: in the child there is nobody to do that.
//
//go:nosplit
//go:norace
func forkAndExit() (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		nap := syscall.Timespec{Nsec: 200_000} // long enough for siblings to be alive at once
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nap)), 0, 0)
		for {
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	return pid, errno
}
