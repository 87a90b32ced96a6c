//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Two processes on one CPU wait for each other: the driver starts its partner.
const (
	driverRole  = "drive"
	partnerRole = "answer"
)

// pin puts the calling thread where it shall stay. SCHED_FIFO keeps others from the CPU.
func pin(cpu, priority int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pinning to CPU %d: %w", cpu, err)
	}
	if priority == 0 {
		return nil
	}
	const fifo = 1
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: fifo, Priority: uint32(priority)}, 0); err != nil {
		return fmt.Errorf("SCHED_FIFO %d: %w; --realtime 0 does without", priority, err)
	}
	return nil
}

// start starts this program as another process that plays a role. The runtime in it shall neither collect garbage nor
// send signals to whoever is long in a system call that it does not know of.
func start(role string, in, out *os.File, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{role}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=1")
	return cmd, cmd.Start()
}

// trip has two processes measure the time of one way there and back, on average over d.
func trip(cpu, priority int, d time.Duration) (int64, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	driver, err := start(driverRole, nil, w, strconv.Itoa(cpu), strconv.Itoa(priority), d.String())
	w.Close()
	if err != nil {
		return 0, err
	}
	var ns int64
	_, err = fmt.Fscan(r, &ns)
	return ns, errors.Join(err, driver.Wait())
}

// move reads or writes one byte without the runtime's knowledge: it would put another thread in this one's place.
func move(call, fd uintptr) error {
	var b [1]byte
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(&b)), 1)
		switch {
		case errno == syscall.EINTR:
		case errno != 0:
			return errno
		case n == 0:
			return errClosed
		default:
			return nil
		}
	}
}

var errClosed = errors.New("the other end is closed")

// parse reads the CPU and the priority that a role begins with.
func parse(args []string, n int) (cpu, priority int, err error) {
	if len(args) != n {
		return 0, 0, fmt.Errorf("%d arguments instead of %d", len(args), n)
	}
	if cpu, err = strconv.Atoi(args[0]); err != nil {
		return 0, 0, err
	}
	priority, err = strconv.Atoi(args[1])
	return cpu, priority, err
}

func role(f func(args []string) error) func([]string) int {
	return func(args []string) int {
		if err := f(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return 0
	}
}

var roles = map[string]func([]string) int{driverRole: role(drive), partnerRole: role(answer)}

// drive sends the byte, waits for it, and says how long that took.
func drive(args []string) error {
	cpu, priority, err := parse(args, 3)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	theirs, there, err := os.Pipe()
	if err != nil {
		return err
	}
	back, answers, err := os.Pipe()
	if err != nil {
		return err
	}
	partner, err := start(partnerRole, theirs, answers, args[:2]...)
	theirs.Close()
	answers.Close()
	if err != nil {
		return err
	}
	if err := pin(cpu, priority); err != nil {
		return err
	}
	ns, err := average(back.Fd(), there.Fd(), d)
	fmt.Println(ns)
	there.Close()
	return errors.Join(err, partner.Wait())
}

func average(in, out uintptr, d time.Duration) (int64, error) {
	const batch = 1000
	trips, begin := 0, time.Now()
	for time.Since(begin) < d {
		for range batch {
			if err := errors.Join(move(syscall.SYS_WRITE, out), move(syscall.SYS_READ, in)); err != nil {
				return 0, err
			}
		}
		trips += batch
	}
	return time.Since(begin).Nanoseconds() / int64(trips), nil
}

// answer gives back what it gets, until there is no more.
func answer(args []string) error {
	cpu, priority, err := parse(args, 2)
	if err == nil {
		err = pin(cpu, priority)
	}
	for err == nil {
		if err = move(syscall.SYS_READ, 0); err == nil {
			err = move(syscall.SYS_WRITE, 1)
		}
	}
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}
