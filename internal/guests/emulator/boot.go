//go:build linux

package emulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// command is an emulator as it is started.
type command struct {
	program string
	install string // the packages that have it
	args    []string
	env     []string
	log     string // where it writes what went wrong, if not to its output
	anyExit bool   // its exit code does not tell whether the guest powered off
}

// Boot runs the guest until it powers off. It fails when the guest outlives the time-out or its kernel panics.
func (m Machine) Boot(ctx context.Context, timeout time.Duration) error {
	c, err := m.command(ctx)
	if err != nil {
		return err
	}
	return m.run(ctx, c, timeout)
}

func (m Machine) run(ctx context.Context, c command, timeout time.Duration) error {
	if err := c.installed(c.program); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	run := exec.CommandContext(ctx, c.program, c.args...)
	run.Env = append(os.Environ(), c.env...)
	var out screen
	run.Stdout, run.Stderr = &out, &out
	err := run.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the guest did not power off within %v\n%s", timeout, m.LastWords())
	}
	if err != nil && !(c.anyExit && m.poweredOff()) {
		said := strings.TrimSpace(out.String())
		if c.log != "" {
			said = lastLines(c.log)
		}
		return fmt.Errorf("%s: %w\n%s\n%s", c.program, err, said, m.LastWords())
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

func (m Machine) command(ctx context.Context) (command, error) {
	if err := m.Check(); err != nil {
		return command{}, err
	}
	if m.PCID {
		return m.underBochs(ctx)
	}
	return m.underQEMU(), nil
}

func (c *command) installed(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is not installed; apt-get install --no-install-recommends %s", program, c.install)
	}
	return nil
}

// poweredOff looks for the last words of a kernel that was asked to power off (kernel/reboot.c:kernel_power_off).
func (m Machine) poweredOff() bool {
	log, err := os.ReadFile(m.SerialLog)
	return err == nil && strings.Contains(string(log), "reboot: Power down")
}

// LastWords are the last lines of the serial log: what a person looks at first when a guest has failed.
func (m Machine) LastWords() string { return "serial log " + lastLines(m.SerialLog) }

func lastLines(path string) string {
	const lines = 25
	log, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err)
	}
	all := strings.Split(strings.TrimRight(string(log), "\n"), "\n")
	return fmt.Sprintf("%s ends:\n%s", path, strings.Join(all[max(0, len(all)-lines):], "\n"))
}
