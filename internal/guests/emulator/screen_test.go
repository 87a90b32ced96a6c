//go:build linux

package emulator

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal takes far less than what is drawn here.
func TestWhatIsDrawnIsRead(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	var s screen
	for _, piece := range []string{"Bochs connected to screen ", fmt.Sprintf("\"/dev/pts/%d\"\n", n), "more\n"} {
		if _, err := s.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	drawn := make(chan error, 1)
	go func() {
		line := []byte("a line of the guest's screen\n")
		for range 2000 {
			if _, err := master.Write(line); err != nil {
				drawn <- err
				return
			}
		}
		drawn <- nil
	}()
	select {
	case err := <-drawn:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("what is drawn on the screen is not read")
	}
}
