//go:build linux

package emulator

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// isolinuxFiles are what a CD needs to boot a kernel on a PC.
var isolinuxFiles = []string{"/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"}

const isolinuxConfig = `DEFAULT linux
LABEL linux
LINUX /vmlinuz
INITRD /initrd
APPEND console=ttyS0 panic=-1 reboot=t quiet tsc=reliable %s
`

// medium is the CD that Bochs boots from, as it takes no kernel by itself.
func (m Machine) medium() string { return m.beside("boot.iso") }

func (m Machine) writeMedium(ctx context.Context, c *command) error {
	const xorriso = "xorriso"
	if err := c.installed(xorriso); err != nil {
		return err
	}
	dir := m.beside("medium")
	if err := os.MkdirAll(filepath.Join(dir, "isolinux"), 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files := map[string]string{m.Kernel: "vmlinuz", m.Initramfs: "initrd"}
	for _, file := range isolinuxFiles {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%w; apt-get install --no-install-recommends %s", err, c.install)
		}
		files[file] = filepath.Join("isolinux", filepath.Base(file))
	}
	for from, to := range files {
		if err := copyFile(filepath.Join(dir, to), from); err != nil {
			return err
		}
	}
	config := fmt.Sprintf(isolinuxConfig, m.Append)
	if err := os.WriteFile(filepath.Join(dir, "isolinux/isolinux.cfg"), []byte(config), 0o644); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, xorriso, "-as", "mkisofs", "-quiet", "-o", m.medium(),
		"-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", xorriso, err, out)
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
