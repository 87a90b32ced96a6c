//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/internal/guests/job"
)

// nameDisks links the disks under their names, once they are there: /dev/outbox is then the disk to write to, whatever
// letter it got. A driver may look for its disks after it was loaded.
func nameDisks() error {
	const patience = 30 * time.Second
	wanted := []string{job.Outbox, job.Scratch}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		found, err := findDisks()
		if err != nil {
			return err
		}
		wanted = slices.DeleteFunc(wanted, func(name string) bool {
			device, ok := found[name]
			if ok {
				err = errors.Join(err, os.Symlink(device, "/dev/"+name))
			}
			return ok
		})
		if err != nil || len(wanted) == 0 {
			return err
		}
		if time.Since(began) > patience {
			return fmt.Errorf("no disk is called %s", strings.Join(wanted, " or "))
		}
	}
}

// findDisks is which device has which name: the serial number of a virtio disk, the model of an ATA disk.
func findDisks() (map[string]string, error) {
	found := map[string]string{}
	for _, pattern := range []string{"/sys/block/*/serial", "/sys/block/*/device/model"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if name, err := os.ReadFile(file); err == nil {
				found[strings.TrimSpace(string(name))] = strings.Split(file, "/")[3]
			}
		}
	}
	return found, nil
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
