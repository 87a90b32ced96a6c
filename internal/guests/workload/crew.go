//go:build linux

package workload

import (
	"errors"
	"fmt"
	"os/exec"
)

// crew is a number of tasks that are started together and waited for together.
type crew struct {
	started []*exec.Cmd
	errs    []error
}

func (c *crew) start(cmd *exec.Cmd) {
	if err := cmd.Start(); err != nil {
		c.errs = append(c.errs, err)
		return
	}
	c.started = append(c.started, cmd)
}

func (c *crew) wait() error {
	for _, cmd := range c.started {
		if err := cmd.Wait(); err != nil {
			c.errs = append(c.errs, fmt.Errorf("%s: %w", cmd.Path, err))
		}
	}
	return errors.Join(c.errs...)
}
