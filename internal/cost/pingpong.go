//go:build linux

package main

import (
	"bufio"
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

// Two processes wait for each other: the driver starts its partner.
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

// pingPong is two processes that pass a byte to and fro as long as it is there.
type pingPong struct {
	driver *exec.Cmd
	out    *os.File
	slices *bufio.Scanner
}

// slice is how long the driver takes for one average.
const slice = 50 * time.Millisecond

func startPingPong(cpu, partner, priority int) (*pingPong, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	driver, err := start(driverRole, nil, w, strconv.Itoa(cpu), strconv.Itoa(priority), strconv.Itoa(partner))
	if err != nil {
		r.Close()
		return nil, err
	}
	return &pingPong{driver, r, bufio.NewScanner(r)}, nil
}

// trip is how long one way there and back takes on average, over what is left of d after settling.
func (p *pingPong) trip(settle, d time.Duration) (int64, error) {
	begin := time.Now().Add(settle)
	var ns, trips int64
	for p.slices.Scan() {
		var end, took, n int64
		if _, err := fmt.Sscan(p.slices.Text(), &end, &took, &n); err != nil {
			return 0, err
		}
		// What was averaged before waits in the pipe.
		if end-took < begin.UnixNano() {
			continue
		}
		ns, trips = ns+took, trips+n
		if ns >= d.Nanoseconds() {
			return ns / trips, nil
		}
	}
	return 0, errors.Join(errors.New("the ping-pong has ended"), p.slices.Err())
}

// stop ends both: the driver finds nobody to tell.
func (p *pingPong) stop() {
	p.out.Close()
	_ = p.driver.Wait() // it ends by a signal
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

// parse reads the numbers that a role begins with: its CPU, its priority, and of the driver its partner's CPU.
func parse(args []string, n int) (numbers [3]int, err error) {
	if len(args) != n {
		return numbers, fmt.Errorf("%d arguments instead of %d", len(args), n)
	}
	for i, a := range args {
		if numbers[i], err = strconv.Atoi(a); err != nil {
			return numbers, err
		}
	}
	return numbers, nil
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

// drive sends the byte, waits for it, and says again and again when it had done so for a slice, how long that took and
// how often.
func drive(args []string) error {
	n, err := parse(args, 3)
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
	partner, err := start(partnerRole, theirs, answers, args[2], args[1])
	theirs.Close()
	answers.Close()
	if err != nil {
		return err
	}
	if err := pin(n[0], n[1]); err != nil {
		return err
	}
	for err == nil {
		err = average(back.Fd(), there.Fd())
	}
	there.Close()
	return errors.Join(err, partner.Wait())
}

func average(in, out uintptr) error {
	const batch = 1000
	trips, begin := 0, time.Now()
	for time.Since(begin) < slice {
		for range batch {
			if err := errors.Join(move(syscall.SYS_WRITE, out), move(syscall.SYS_READ, in)); err != nil {
				return err
			}
		}
		trips += batch
	}
	took := time.Since(begin)
	_, err := fmt.Println(begin.Add(took).UnixNano(), took.Nanoseconds(), trips)
	return err
}

// answer gives back what it gets, until there is no more.
func answer(args []string) error {
	n, err := parse(args, 2)
	if err == nil {
		err = pin(n[0], n[1])
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
