package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrangers(t *testing.T) {
	known := []string{"swapper", "swapper/13", "kworker/u8:1-ev", "ksoftirqd/0", "rcuc/1", "irq/9-acpi", "mix", "mix-node", "perf", "init"}
	if got := strangers(known); len(got) > 0 {
		t.Errorf("strangers among the kernel's and our own: %q", got)
	}
	if diff := cmp.Diff([]string{"bash", "kworkers", "mixer"}, strangers([]string{"bash", "kworkers", "mix", "mixer"})); diff != "" {
		t.Errorf("strangers (-want +got):\n%s", diff)
	}
}
