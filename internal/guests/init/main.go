//go:build linux

// Init is the first and only program of a guest, statically linked. Under its own name it is process 1: it prepares
// the system, runs its job, brings the files out and powers off. Under the name of a workload's role it is that role.
package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/internal/guests/job"
	"switchyard/internal/guests/workload"
)

func main() {
	if role, ok := workload.Role(os.Args[0]); ok {
		os.Exit(role.Main(os.Args[1:]))
	}
	if os.Getpid() != 1 {
		fmt.Fprintf(os.Stderr, "init runs as process 1 of a guest, or as a role of the workload; %q is none\n", os.Args[0])
		os.Exit(2)
	}
	if err := serve(); err != nil {
		say("failed: %v", err)
	}
	powerOff()
}

// serve does the job and brings out whatever came of it.
func serve() error {
	if err := prepare(); err != nil {
		return err
	}
	data, err := os.ReadFile(job.Path)
	if err != nil {
		return err
	}
	task, err := job.Unmarshal(data)
	if err != nil {
		return fmt.Errorf("%s: %w", job.Path, err)
	}
	if err := loadModules(task.Modules); err != nil {
		return err
	}
	if err := nameDisks(); err != nil {
		return err
	}
	result := run(task.Steps)
	return bringOut(task.Bring, result)
}

// powerOff never returns: the kernel panics when process 1 ends.
func powerOff() {
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		say("power off: %v", err)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// say writes to the console, and so to the serial log.
func say(format string, args ...any) {
	fmt.Printf("init: "+format+"\n", args...)
}
