//go:build linux

package emulator

import (
	"strings"
	"testing"
)

func TestQEMUsArguments(t *testing.T) {
	m := Machine{
		Arch: "arm64", CPUs: 4, MemoryMB: 512, Kernel: "vmlinuz", Initramfs: "initramfs", Append: "quiet", SerialLog: "log",
		Disks: []Disk{{Name: "outbox", Image: "out.img"}, {Name: "scratch", Image: "scratch.img"}},
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	line := strings.Join(m.qemuArgs(), " ")
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
