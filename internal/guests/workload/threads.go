//go:build linux

package workload

import (
	"errors"
	"runtime"
)

// threads switches between threads of one process, which share an address space: half of the pairs talk through pipes
// and half through Go channels, where threads sleep on futexes.
func threads(_ self, args []string) error {
	n, err := numbers(args, "pairs", "rounds")
	if err != nil {
		return err
	}
	done := make(chan error, n[0])
	for i := range n[0] {
		if i%2 == 0 {
			go func() { done <- pipePair(n[1]) }()
		} else {
			go func() { done <- futexPair(n[1]) }()
		}
	}
	for range n[0] {
		err = errors.Join(err, <-done)
	}
	return err
}

func pipePair(rounds int) error {
	there, err := newChannel()
	if err != nil {
		return err
	}
	defer there.close()
	back, err := newChannel()
	if err != nil {
		return err
	}
	defer back.close()
	echoed := make(chan error, 1)
	go func() { echoed <- bounce(int(there.r.Fd()), int(back.w.Fd()), rounds, false) }()
	err = bounce(int(back.r.Fd()), int(there.w.Fd()), rounds, true)
	return errors.Join(err, <-echoed)
}

// bounce passes one message to and fro on a thread of its own.
func bounce(in, out, rounds int, serve bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	message := make([]byte, messageSize)
	for range rounds {
		if serve {
			if err := writeMessage(out, message); err != nil {
				return err
			}
		}
		if err := readMessage(in, message); err != nil {
			return err
		}
		if !serve {
			if err := writeMessage(out, message); err != nil {
				return err
			}
		}
	}
	return nil
}

// futexPair hands a turn between two goroutines that own their threads: whoever gives it away has to wake the other
// thread and sleep.
func futexPair(rounds int) error {
	turn, back := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for range rounds {
			<-turn
			back <- struct{}{}
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range rounds {
		turn <- struct{}{}
		<-back
	}
	return nil
}
