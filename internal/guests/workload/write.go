//go:build linux

package workload

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// write makes small writes durable one by one. On a block device, kernel workers and interrupts carry them out while
// the writer sleeps.
func write(_ self, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want the arguments %q, got %q", []string{"path", "writes"}, args)
	}
	writes, err := strconv.Atoi(args[1])
	if err != nil || writes < 1 {
		return fmt.Errorf("writes must be a whole number above 0, not %q", args[1])
	}
	file, err := os.OpenFile(args[0], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(writeSynced(file, writes), file.Close())
}

func writeSynced(file *os.File, writes int) error {
	const span = 256 // blocks that are written over and over
	block := make([]byte, 4096)
	for i := range writes {
		if _, err := file.WriteAt(block, int64(i%span)*int64(len(block))); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
	}
	return nil
}
