//go:build linux

package workload

import (
	"errors"
	"os"
)

// write makes small writes durable one by one. On a block device, kernel workers and interrupts carry them out while
// the writer sleeps.
func write(_ self, args []string) error {
	path, writes, err := fileAndNumber(args, "path", "writes")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
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
