//go:build linux

package emulator

import (
	"errors"
	"os"
)

// CreateDisk makes an empty image that takes no space until the guest writes to it.
func CreateDisk(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}
