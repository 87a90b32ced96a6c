//go:build linux

package workload

import (
	"io"

	"golang.org/x/sys/unix"
)

// group lets senders talk to receivers through one crowded pipe, so that several of each sleep on it at once.
func group(self self, args []string) error {
	n, err := numbers(args, "senders", "receivers", "messages")
	if err != nil {
		return err
	}
	pipe, err := newChannel()
	if err != nil {
		return err
	}
	// One page is the smallest pipe there is: senders have to wait for receivers often.
	if _, err := unix.FcntlInt(pipe.w.Fd(), unix.F_SETPIPE_SZ, unix.Getpagesize()); err != nil {
		return err
	}
	var processes crew
	for range n[1] {
		cmd := self.command("mix-receiver")
		cmd.Stdin = pipe.r
		processes.start(cmd)
	}
	for range n[0] {
		cmd := self.command("mix-sender", n[2])
		cmd.Stdout = pipe.w
		processes.start(cmd)
	}
	pipe.close() // the receivers' end comes when no sender holds the pipe any more
	return processes.wait()
}

func send(_ self, args []string) error {
	n, err := numbers(args, "messages")
	if err != nil {
		return err
	}
	message := make([]byte, messageSize)
	for range n[0] {
		if err := writeMessage(1, message); err != nil {
			return err
		}
	}
	return nil
}

func receive(_ self, args []string) error {
	if _, err := numbers(args); err != nil {
		return err
	}
	message := make([]byte, messageSize)
	for {
		switch err := readMessage(0, message); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
