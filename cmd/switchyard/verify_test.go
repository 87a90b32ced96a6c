package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A recording that ends before its first batch is whole has nothing to hold against: that is no success.
func TestVerifyingNothingIsAnError(t *testing.T) {
	whole, err := os.ReadFile("../../record/verify/testdata/mixed-7.3-amd64-2cpu.arrow")
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.arrow")
	if err := os.WriteFile(cut, whole[:len(whole)/4], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyRecording(t.Context(), cut); err == nil || !strings.Contains(err.Error(), "no switch stands before that") {
		t.Errorf("a quarter of a batch gave %v", err)
	}
}
