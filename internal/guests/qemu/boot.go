package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Boot runs the guest until it powers off. It fails when the guest outlives the time-out or its kernel panics.
func (m Machine) Boot(ctx context.Context, timeout time.Duration) error {
	args, err := m.Args()
	if err != nil {
		return err
	}
	program, pkg := ports[m.Arch].program, ports[m.Arch].pkg
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is not installed; apt-get install --no-install-recommends %s", program, pkg)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the guest did not power off within %v\n%s", timeout, m.LastWords())
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s%s", program, err, out, m.LastWords())
	}
	log, err := os.ReadFile(m.SerialLog)
	if err != nil {
		return err
	}
	if strings.Contains(string(log), "Kernel panic") {
		return fmt.Errorf("the guest's kernel panicked\n%s", m.LastWords())
	}
	return nil
}

// LastWords are the last lines of the serial log: what a person looks at first when a guest has failed.
func (m Machine) LastWords() string {
	const lines = 25
	log, err := os.ReadFile(m.SerialLog)
	if err != nil {
		return fmt.Sprintf("(no serial log: %v)", err)
	}
	all := strings.Split(strings.TrimRight(string(log), "\n"), "\n")
	return fmt.Sprintf("serial log %s ends:\n%s", m.SerialLog, strings.Join(all[max(0, len(all)-lines):], "\n"))
}
