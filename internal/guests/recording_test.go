//go:build linux

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrangers(t *testing.T) {
	if diff := cmp.Diff([]string{"bash", "mixer"}, strangers([]string{"bash", "init", "mix", "mix-node", "mixer", "perf"})); diff != "" {
		t.Errorf("strangers (-want +got):\n%s", diff)
	}
}
