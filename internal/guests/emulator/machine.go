//go:build linux

// Package emulator boots a guest and waits for it to power itself off.
package emulator

import "fmt"

// Machine is a guest as its emulator is told about it.
type Machine struct {
	Arch      string // amd64 or arm64
	PCID      bool   // an amd64 CPU with process-context identifiers: Bochs has one, QEMU's software emulation has none
	CPUs      int
	MemoryMB  int
	Kernel    string
	Initramfs string
	Append    string // added to the kernel's command line
	Disks     []Disk
	SerialLog string // what else an emulator writes lies beside it
}

// Disk is a raw image that the guest finds by its name: its serial number under QEMU, its model under Bochs.
type Disk struct {
	Name  string
	Image string
}

// Check refuses what cannot boot.
func (m Machine) Check() error {
	switch {
	case qemus[m.Arch].program == "":
		return fmt.Errorf("no guest for architecture %q: amd64 and arm64 are known", m.Arch)
	case m.CPUs < 1:
		return fmt.Errorf("a guest with %d CPUs cannot boot", m.CPUs)
	case m.PCID && m.Arch != "amd64":
		return fmt.Errorf("process-context identifiers are amd64's, not %s's", m.Arch)
	}
	return nil
}

// Modules are those with which the guest's kernel drives the disks.
func (m Machine) Modules() []string {
	if m.PCID {
		return bochsModules
	}
	return qemuModules
}
