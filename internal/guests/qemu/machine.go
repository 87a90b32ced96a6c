// Package qemu boots a guest and waits for it to power itself off.
package qemu

import (
	"fmt"
	"strconv"
)

// Machine is a guest as QEMU is told about it.
type Machine struct {
	Arch      string // amd64 or arm64
	CPUs      int
	MemoryMB  int
	Kernel    string
	Initramfs string
	Append    string // added to the kernel's command line
	Disks     []Disk
	SerialLog string
}

// Disk is a raw image that the guest sees as a virtio block device with this serial number.
type Disk struct {
	Serial string
	Image  string
}

// port is what differs between architectures.
type port struct {
	program, pkg string
	args         []string
	console      string
}

var ports = map[string]port{
	"amd64": {"qemu-system-x86_64", "qemu-system-x86", []string{"-machine", "pc", "-cpu", "max"}, "ttyS0"},
	"arm64": {"qemu-system-aarch64", "qemu-system-arm", []string{"-machine", "virt", "-cpu", "cortex-a57"}, "ttyAMA0"},
}

func (m Machine) port() (port, error) {
	p, ok := ports[m.Arch]
	if !ok {
		return port{}, fmt.Errorf("no guest for architecture %q: amd64 and arm64 are known", m.Arch)
	}
	if m.CPUs < 1 {
		return port{}, fmt.Errorf("a guest with %d CPUs cannot boot", m.CPUs)
	}
	return p, nil
}

// Args are QEMU's arguments. Everything is emulated, also where KVM is to be had: a guest behaves the same on every
// machine, and no machine needs more than a process.
func (m Machine) Args() ([]string, error) {
	p, err := m.port()
	if err != nil {
		return nil, err
	}
	args := append([]string{"-accel", "tcg,thread=multi"}, p.args...)
	args = append(args,
		"-smp", strconv.Itoa(m.CPUs), "-m", strconv.Itoa(m.MemoryMB),
		"-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
		"-serial", "file:"+m.SerialLog,
		"-kernel", m.Kernel, "-initrd", m.Initramfs,
		// panic=-1 restarts at once after a panic, and -no-reboot makes a restart the end of the guest.
		"-append", "console="+p.console+" panic=-1 "+m.Append)
	for _, disk := range m.Disks {
		args = append(args,
			"-drive", "if=none,format=raw,id="+disk.Serial+",file="+disk.Image,
			"-device", "virtio-blk-pci,drive="+disk.Serial+",serial="+disk.Serial)
	}
	return args, nil
}
