//go:build linux

package emulator

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"
)

// screen is what an emulator prints. Bochs draws its guest's screen on a pseudo-terminal, whose name it prints, and waits for
// ever once 4,000 bytes of that were not read: they are read here, and forgotten.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	drained bool
}

var screenName = regexp.MustCompile(`connected to screen "(/dev/pts/[0-9]+)"`)

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if name := screenName.FindSubmatch(s.text.Bytes()); name != nil && !s.drained {
		s.drained = true
		drain(string(name[1]))
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// drain reads a terminal until its other end is closed. It must not become the terminal of this process.
func drain(name string) {
	terminal, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return // the guest runs all the same, if it draws little
	}
	go func() {
		defer terminal.Close()
		_, _ = io.Copy(io.Discard, terminal) // ends with an error when Bochs does
	}()
}
