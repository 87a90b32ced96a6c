//go:build linux

package emulator

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAMachineThatCannotBootIsRefused(t *testing.T) {
	for want, m := range map[string]Machine{
		`architecture "riscv64"`: {Arch: "riscv64", CPUs: 1},
		"0 CPUs":                 {Arch: "amd64"},
		"amd64's, not arm64's":   {Arch: "arm64", CPUs: 1, PCID: true},
	} {
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// fakeQEMU puts a script in the place of QEMU, which writes the serial log and does what the test says.
func fakeQEMU(t *testing.T, script string) Machine {
	t.Helper()
	dir := t.TempDir()
	m := Machine{Arch: "amd64", CPUs: 1, MemoryMB: 64, SerialLog: filepath.Join(dir, "serial.log")}
	text := "#!/bin/sh\nlog=" + m.SerialLog + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "qemu-system-x86_64"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return m
}

func TestBootTellsHowAGuestEnded(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"powered off": {`echo fine > $log`, ""},
		"panicked":    {`echo "Kernel panic - not syncing: no init" > $log`, "panicked"},
		"never ended": {`echo booting > $log; exec sleep 60`, "did not power off"},
		"no QEMU run": {`echo "no such machine" >&2; exit 1`, "no such machine"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fakeQEMU(t, c.script).Boot(context.Background(), 2*time.Second)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Bochs ends with an error whatever its guest did; what the guest said last tells.
func TestAGuestUnderBochsHasPoweredOffWhenItSaysSo(t *testing.T) {
	for last, want := range map[string]string{"reboot: Power down": "", "booting": "no resolution"} {
		m := fakeQEMU(t, `echo "`+last+`" > $log; echo "3rd exception with no resolution" > $log.bochs; exit 1`)
		err := m.run(context.Background(), command{program: "qemu-system-x86_64", anyExit: true, log: m.SerialLog + ".bochs"}, 5*time.Second)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", last, err, want)
		}
	}
}

func TestBootSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for want, m := range map[string]Machine{
		"qemu-system-arm":  {Arch: "arm64", CPUs: 1},
		"bochs bochs-term": {Arch: "amd64", CPUs: 1, PCID: true, SerialLog: filepath.Join(t.TempDir(), "serial.log")},
	} {
		err := m.Boot(context.Background(), time.Second)
		if err == nil || !strings.Contains(err.Error(), "apt-get install --no-install-recommends "+want) {
			t.Errorf("without %s: %v", want, err)
		}
	}
}

func TestLastWordsAreTheEndOfTheLog(t *testing.T) {
	m := Machine{SerialLog: filepath.Join(t.TempDir(), "log")}
	if err := os.WriteFile(m.SerialLog, []byte("first\n"+strings.Repeat("line\n", 100)+"last\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	words := m.LastWords()
	if strings.Contains(words, "first") || !strings.HasSuffix(words, "last") {
		t.Errorf("last words: %q", words)
	}
}
