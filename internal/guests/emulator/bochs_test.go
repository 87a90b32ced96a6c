//go:build linux

package emulator

import (
	"strings"
	"testing"
)

func TestBochsIsToldTheMachine(t *testing.T) {
	m := Machine{Arch: "amd64", PCID: true, CPUs: 1, MemoryMB: 512, SerialLog: "/guest/serial.log", Disks: []Disk{{"outbox", "/guest/out.img"}, {"scratch", "/guest/scratch.img"}}}
	config, err := m.bochsConfig("/guest/bochs.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`display_library: term, options="hideIPS"`, "cpu: model=corei7_haswell_4770, count=1,", "memory: guest=512, host=512\n", `path="/guest/boot.iso"`, `dev="/guest/serial.log"`, `log: "/guest/bochs.log"`,
		`ata0-slave: type=disk, mode=flat, path="/guest/out.img", cylinders=0, model="outbox"`, `ata1-master: type=disk, mode=flat, path="/guest/scratch.img"`,
	} {
		if !strings.Contains(config, want) {
			t.Errorf("Bochs is not told %s:\n%s", want, config)
		}
	}
}

func TestBochsIsToldNothingThatItCannotRead(t *testing.T) {
	quoted := Machine{SerialLog: `/a"b/serial.log`}
	crowded := Machine{SerialLog: "/guest/serial.log", Disks: make([]Disk, 4)}
	for want, m := range map[string]Machine{"quotation marks": quoted, "3 disks, not 4": crowded} {
		if _, err := m.bochsConfig("/guest/bochs.log"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
