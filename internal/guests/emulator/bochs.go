//go:build linux

package emulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Bochs emulates instruction by instruction, some 70 million of them in a second: slower than QEMU, but with CPU models
// that have process-context identifiers and INVPCID.
const (
	bochsProgram  = "bochs"
	bochsPackages = "bochs bochs-term bochsbios vgabios xorriso isolinux syslinux-common"
)

var bochsModules = []string{"ata_piix", "sd_mod"}

// bochsConfig is a machine for one guest. Its CPU is a Haswell: the oldest one with INVPCID, and one that needs page-table
// isolation. Time is that of the instructions (sync=none), so that a guest that sleeps does not make anybody wait.
// A guest that resets itself is at its end (reboot=t, a triple fault).
const bochsConfig = `config_interface: textconfig
display_library: term, options="hideIPS"
vga: update_freq=1
cpu: model=corei7_haswell_4770, count=%d, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=%d, host=%[2]d
romimage: file="%[3]s/BIOS-bochs-latest", options=fastboot
vgaromimage: file="%[3]s/VGABIOS-lgpl-latest"
pci: enabled=1, chipset=i440fx
clock: sync=none, time0=utc
boot: cdrom
ata0: enabled=1
ata0-master: type=cdrom, path="%[4]s", status=inserted
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
com1: enabled=1, mode=file, dev="%[5]s"
log: "%[6]s"
info: action=ignore
debug: action=ignore
error: action=report
panic: action=fatal
`

// bochsDisks are the places for disks beside that of the medium.
var bochsDisks = []string{"ata0-slave", "ata1-master", "ata1-slave"}

const bochsShare = "/usr/share/bochs"

func (m Machine) underBochs(ctx context.Context) (command, error) {
	c := command{
		program: bochsProgram, install: bochsPackages, anyExit: true,
		env: []string{"TERM=linux"}, // its screen is drawn for a terminal that nobody looks at
		log: m.beside("bochs.log"),
	}
	config, err := m.bochsConfig(c.log)
	if err != nil {
		return c, err
	}
	// Debian's Bochs is one for debugging, which waits for a command before it begins.
	rc, begin := m.beside("bochsrc"), m.beside("bochs.begin")
	if err := os.WriteFile(rc, []byte(config), 0o644); err != nil {
		return c, err
	}
	if err := os.WriteFile(begin, []byte("continue\n"), 0o644); err != nil {
		return c, err
	}
	c.args = []string{"-q", "-f", rc, "-rc", begin}
	for _, disk := range m.Disks {
		// One that was killed leaves its locks behind.
		if err := os.Remove(disk.Image + ".lock"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return c, err
		}
	}
	if err := c.installed(c.program); err != nil {
		return c, err
	}
	return c, m.writeMedium(ctx, &c)
}

func (m Machine) bochsConfig(log string) (string, error) {
	if len(m.Disks) > len(bochsDisks) {
		return "", fmt.Errorf("a guest under Bochs has room for %d disks, not %d", len(bochsDisks), len(m.Disks))
	}
	var text strings.Builder
	fmt.Fprintf(&text, bochsConfig, m.CPUs, m.MemoryMB, bochsShare, m.medium(), m.SerialLog, log)
	for i, disk := range m.Disks {
		fmt.Fprintf(&text, "%s: type=disk, mode=flat, path=\"%s\", cylinders=0, model=\"%s\"\n", bochsDisks[i], disk.Image, disk.Name)
	}
	if dir := filepath.Dir(m.SerialLog); strings.Contains(dir, `"`) {
		return "", fmt.Errorf("the guest's files lie in %s, and Bochs knows no quotation marks in names", dir)
	}
	return text.String(), nil
}

// beside is a file that lies where the serial log does.
func (m Machine) beside(name string) string { return filepath.Join(filepath.Dir(m.SerialLog), name) }
