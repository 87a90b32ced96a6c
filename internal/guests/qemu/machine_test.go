package qemu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArgs(t *testing.T) {
	m := Machine{
		Arch: "arm64", CPUs: 4, MemoryMB: 512, Kernel: "vmlinuz", Initramfs: "initramfs", Append: "quiet", SerialLog: "log",
		Disks: []Disk{{Serial: "outbox", Image: "out.img"}, {Serial: "scratch", Image: "scratch.img"}},
	}
	args, err := m.Args()
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(args, " ")
	for _, want := range []string{
		"-accel tcg,thread=multi", "-machine virt", "-cpu cortex-a57", "-smp 4", "-m 512", "-serial file:log", "-no-reboot",
		"console=ttyAMA0 panic=-1 quiet",
		"id=outbox,file=out.img -device virtio-blk-pci,drive=outbox,serial=outbox",
		"id=scratch,file=scratch.img -device virtio-blk-pci,drive=scratch,serial=scratch",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("QEMU is not told %q: %s", want, line)
		}
	}
}

func TestArgsRefuseWhatCannotBoot(t *testing.T) {
	for want, m := range map[string]Machine{
		`architecture "riscv64"`: {Arch: "riscv64", CPUs: 1},
		"0 CPUs":                 {Arch: "amd64"},
	} {
		if _, err := m.Args(); err == nil || !strings.Contains(err.Error(), want) {
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

func TestBootSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := Machine{Arch: "arm64", CPUs: 1}.Boot(context.Background(), time.Second)
	if err == nil || !strings.Contains(err.Error(), "apt-get install --no-install-recommends qemu-system-arm") {
		t.Errorf("without QEMU: %v", err)
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
