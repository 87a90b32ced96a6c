//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestFamilyTellsTheKernelsTasks(t *testing.T) {
	f := newFamily()
	f.forked("1", idle)
	f.forked(kthreadd, idle)
	f.named("0", "swapper/1")
	f.named("1", "init")
	f.named(kthreadd, "kthreadd")
	f.forked("50", kthreadd)
	f.named("50", "kworker/0:0")
	f.forked("60", "50")
	f.named("60", "kworker/u8:1") // not yet a program
	f.forked("70", "1")
	f.named("70", "mix")
	if want := []string{"init", "mix"}; !slices.Equal(sorted(f.others), want) {
		t.Fatalf("not the kernel's: %q, want %q", sorted(f.others), want)
	}

	f.executed("60") // a helper that the kernel started
	f.named("60", "modprobe")
	f.forked("50", "70") // the worker is gone and its number is used again
	f.named("50", "bash")
	if want := []string{"bash", "init", "mix", "modprobe"}; !slices.Equal(sorted(f.others), want) {
		t.Errorf("not the kernel's: %q, want %q", sorted(f.others), want)
	}
	if !f.names["kworker/0:0"] || f.others["kworker/0:0"] {
		t.Error("a worker's name is missing or no longer the kernel's")
	}
}
