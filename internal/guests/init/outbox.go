//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"switchyard/internal/guests/job"
)

// nameDisks links every disk with a serial number under that name: /dev/outbox is then the disk to write to, whatever
// letter it got.
func nameDisks() error {
	names, err := filepath.Glob("/sys/block/*/serial")
	if err != nil {
		return err
	}
	for _, name := range names {
		serial, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(serial)) == "" {
			continue
		}
		device := filepath.Base(filepath.Dir(name))
		if err := os.Symlink(device, "/dev/"+strings.TrimSpace(string(serial))); err != nil {
			return err
		}
	}
	return nil
}

// bringOut writes the parcel onto the disk that is there for it.
func bringOut(files []string, result job.Result) error {
	disk, err := os.OpenFile("/dev/"+job.Outbox, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = job.Pack(disk, files, result)
	return errors.Join(err, disk.Sync(), disk.Close())
}
