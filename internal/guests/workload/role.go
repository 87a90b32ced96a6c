//go:build linux

// Package workload is a mixed load for a scheduler: message passing between processes and between threads, programs
// started and ended in numbers, forks, writes that kernel workers carry out, and processes that end while their threads
// run. It does a fixed amount of work, so that two runs differ in their schedules only.
//
// All of it is one program. A task does what its name says: the program finds its role in the name it was started
// under, and the same name is what the kernel, and hence a recording, knows the task by.
package workload

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Command is one role of the workload. Its name must fit the kernel's 15 bytes.
type Command struct {
	Name string
	main func(self self, args []string) error
}

// self is how a role starts others: it lies where they lie.
type self struct{ dir string }

var roles = map[string]func(self, []string) error{}

func init() {
	// Filled here because the conductor refers to the table that holds it.
	maps.Copy(roles, map[string]func(self, []string) error{
		"mix":          conduct,
		"mix-ring":     ring,
		"mix-node":     node,
		"mix-group":    group,
		"mix-sender":   send,
		"mix-receiver": receive,
		"mix-threads":  threads,
		"mix-spawner":  spawn,
		"mix-child":    child,
		"mix-forker":   fork,
		"mix-writer":   write,
		"mix-leavers":  leavers,
		"mix-leaver":   leave,
		"mix-spinner":  spin,
		"mix-sleeper":  doze,
		"mix-filter":   filter,
		"mix-module":   module,
	})
}

// Names are the names of all roles; each has to be a link to the program.
func Names() []string { return slices.Sorted(maps.Keys(roles)) }

// Role finds the role of a program started as argv0.
func Role(argv0 string) (Command, bool) {
	name := filepath.Base(argv0)
	main, ok := roles[name]
	return Command{Name: name, main: main}, ok
}

// Main runs the role and returns its exit code.
func (c Command) Main(args []string) int {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		err = c.main(self{dir: filepath.Dir(path)}, args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
		return 1
	}
	return 0
}

// command prepares a task in a role. Go starts it with vfork: its parent sleeps, and lends it its address space, until
// the exec.
func (s self) command(role string, args ...any) *exec.Cmd {
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = fmt.Sprint(arg)
	}
	cmd := exec.Command(filepath.Join(s.dir, role), texts...)
	cmd.Stderr = os.Stderr
	return cmd
}
