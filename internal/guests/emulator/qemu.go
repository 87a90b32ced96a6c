//go:build linux

package emulator

import "strconv"

// qemu is what differs between architectures.
type qemu struct {
	program, pkg string
	args         []string
	console      string
}

var qemus = map[string]qemu{
	"amd64": {"qemu-system-x86_64", "qemu-system-x86", []string{"-machine", "pc", "-cpu", "max"}, "ttyS0"},
	"arm64": {"qemu-system-aarch64", "qemu-system-arm", []string{"-machine", "virt", "-cpu", "cortex-a57"}, "ttyAMA0"},
}

var qemuModules = []string{"virtio_pci", "virtio_blk"}

func (m Machine) underQEMU() command {
	return command{program: qemus[m.Arch].program, install: qemus[m.Arch].pkg, args: m.qemuArgs()}
}

// qemuArgs are QEMU's arguments. Everything is emulated, also where KVM is to be had: a guest behaves the same on every
// machine, and no machine needs more than a process.
func (m Machine) qemuArgs() []string {
	p := qemus[m.Arch]
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
			"-drive", "if=none,format=raw,id="+disk.Name+",file="+disk.Image,
			"-device", "virtio-blk-pci,drive="+disk.Name+",serial="+disk.Name)
	}
	return args
}
