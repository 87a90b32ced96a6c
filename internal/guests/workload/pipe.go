//go:build linux

package workload

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// channel is a pipe whose readers and writers sleep in the kernel. Go's own pipes do not block: their users would wait
// for each other inside the Go scheduler, and no switch would be seen.
type channel struct{ r, w *os.File }

func newChannel() (channel, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return channel{}, err
	}
	return channel{os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe")}, nil
}

func (c channel) close() {
	c.r.Close()
	c.w.Close()
}

// messageSize divides a page, so that no message lies across two buffers of a pipe and reads get whole messages.
const messageSize = 64

func readMessage(fd int, message []byte) error {
	n, err := retry(func() (int, error) { return unix.Read(fd, message) })
	if err == nil && n == 0 {
		return io.EOF
	}
	return err
}

func writeMessage(fd int, message []byte) error {
	_, err := retry(func() (int, error) { return unix.Write(fd, message) })
	return err
}

// retry repeats a call that a signal interrupted; the Go runtime sends signals to its own threads.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
