//go:build linux

package workload

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// leavers runs processes that end in unusual ways, one after the other.
func leavers(self self, args []string) error {
	n, err := numbers(args, "processes", "threads")
	if err != nil {
		return err
	}
	for range n[0] {
		if err := self.command("mix-leaver", n[1]).Run(); err != nil {
			return err
		}
	}
	return nil
}

// leave ends its threads one by one while others run, then its first thread, and in the end the whole process while its
// siblings are on a CPU or in a system call.
func leave(_ self, args []string) error {
	n, err := numbers(args, "threads")
	if err != nil {
		return err
	}
	var ended sync.WaitGroup
	for range n[0] {
		ended.Go(func() {
			runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
			compute(20)
		})
	}
	ended.Wait()
	pipe, err := newChannel()
	if err != nil {
		return err
	}
	for i := range n[0] {
		go stay(i, pipe)
	}
	go func() {
		runtime.LockOSThread()
		compute(50)
		os.Exit(0)
	}()
	return endFirstThread()
}

// stay keeps a thread busy, or asleep in a system call, until the process ends.
func stay(i int, pipe channel) {
	runtime.LockOSThread()
	for {
		if i%2 == 0 {
			compute(10)
		} else {
			readMessage(int(pipe.r.Fd()), make([]byte, messageSize))
		}
	}
}

// endFirstThread ends the thread that leads the process, which stays as a zombie until its siblings are gone. Main
// runs on that thread: see init.
func endFirstThread() error {
	// As an ordinary system call, so that the Go scheduler gives this thread's processor to another.
	_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
	return errno
}

func init() {
	// What is locked during initialisation stays on the process's first thread, also in main.
	runtime.LockOSThread()
}
