//go:build linux

package main

import (
	"maps"
	"slices"
)

// family tells the kernel's own tasks from all others: they are the idle tasks and the descendants of kthreadd that have
// not executed a program. Their names could not tell: the kernel has hundreds, and they differ between versions.
type family struct {
	kernel map[string]bool // task numbers
	names  map[string]bool // of all tasks
	others map[string]bool // names of tasks that are not the kernel's
}

// The first tasks of every system. The idle task forks process 1 and kthreadd; only the second is the kernel's.
const idle, kthreadd = "0", "2"

func newFamily() *family {
	return &family{kernel: map[string]bool{idle: true, kthreadd: true}, names: map[string]bool{}, others: map[string]bool{}}
}

// forked notes a new task; its number may have belonged to another before.
func (f *family) forked(child, parent string) {
	f.kernel[child] = child == kthreadd || parent != idle && f.kernel[parent]
}

// executed notes that a task runs a program of its own from now on.
func (f *family) executed(task string) { f.kernel[task] = false }

func (f *family) named(task, name string) {
	f.names[name] = true
	if !f.kernel[task] {
		f.others[name] = true
	}
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }
