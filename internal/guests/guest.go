//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/internal/guests/debian"
	"switchyard/internal/guests/emulator"
	"switchyard/internal/guests/initramfs"
	"switchyard/internal/guests/job"
	"switchyard/internal/guests/kmod"
	"switchyard/internal/guests/sysroot"
	"switchyard/internal/guests/workload"
)

// guest is one kernel with what is to be run on it.
type guest struct {
	arch    string
	pcid    bool // on a CPU with process-context identifiers
	kernel  *kmod.Tree
	modules []string // wanted modules, besides those of the disks
	spare   []string // modules that are there and not loaded
	cpus    int
	append  string // added to the kernel's command line
	steps   []job.Step
	bring   []string
	timeout time.Duration

	recorder bool           // our recorder is to be in the guest
	config   string         // the kernel's configuration, if it is to be in the guest
	files    []sysroot.File // programs of other packages, and their libraries
}

const (
	memoryMB    = 1536
	outboxSize  = 1 << 30
	scratchSize = 64 << 20
)

// cacheDir is where packages are kept.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "switchyard"), err
}

// openFor opens the archive that has a kernel, and says how the kernel is called there: "6.12" is a series of
// debian.Stable, "trixie-backports/7.3" one of another suite.
func openFor(ctx context.Context, kernel, arch string) (*debian.Archive, string, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, "", err
	}
	suite, which, named := strings.Cut(kernel, "/")
	if !named {
		suite, which = debian.Stable, kernel
	}
	archive, err := debian.OpenSuite(ctx, cache, suite, arch)
	return archive, which, err
}

// fetchKernel gets a kernel by series or package name.
func fetchKernel(ctx context.Context, archive *debian.Archive, which string) (debian.Package, *kmod.Tree, error) {
	pkg, err := archive.Kernel(ctx, which)
	if err != nil {
		return pkg, nil, err
	}
	tree, err := kmod.Open(pkg.Dir)
	return pkg, tree, err
}

// install adds a program of an unpacked package, with the libraries it is linked with.
func (g *guest) install(pkg debian.Package, program string) error {
	files, err := sysroot.Closure(pkg.Dir, program)
	g.files = append(g.files, files...)
	return err
}

// run boots the guest and unpacks what it brings out into dir.
func (g *guest) run(ctx context.Context, dir string) (job.Result, error) {
	machine := emulator.Machine{
		Arch: g.arch, PCID: g.pcid, CPUs: g.cpus, MemoryMB: memoryMB, Append: g.append,
		Kernel:    g.kernel.Image,
		Initramfs: filepath.Join(dir, "initramfs.cpio"),
		SerialLog: filepath.Join(dir, "serial.log"),
		Disks: []emulator.Disk{
			{Name: job.Outbox, Image: filepath.Join(dir, "outbox.img")},
			{Name: job.Scratch, Image: filepath.Join(dir, "scratch.img")},
		},
	}
	err := errors.Join(
		g.writeInitramfs(ctx, &machine, dir),
		emulator.CreateDisk(machine.Disks[0].Image, outboxSize),
		emulator.CreateDisk(machine.Disks[1].Image, scratchSize))
	if err != nil {
		return job.Result{}, err
	}
	if err := machine.Boot(ctx, g.timeout); err != nil {
		return job.Result{}, err
	}
	return g.collect(machine, dir)
}

// collect reads the parcel; a guest that says it failed is an error.
func (g *guest) collect(machine emulator.Machine, dir string) (job.Result, error) {
	outbox, err := os.Open(machine.Disks[0].Image)
	if err != nil {
		return job.Result{}, err
	}
	defer outbox.Close()
	result, err := job.Unpack(outbox, dir)
	if err == nil && result.Error != "" {
		err = errors.New(result.Error)
	}
	if err != nil {
		return result, fmt.Errorf("guest: %w\n%s", err, machine.LastWords())
	}
	return result, nil
}

func (g *guest) writeInitramfs(ctx context.Context, machine *emulator.Machine, dir string) error {
	tree, err := g.tree(ctx, machine, dir)
	if err != nil {
		return err
	}
	file, err := os.Create(machine.Initramfs)
	if err != nil {
		return err
	}
	_, err = tree.WriteTo(file)
	return errors.Join(err, file.Close())
}

// tree puts together init, its other names, the modules, the programs and the job.
func (g *guest) tree(ctx context.Context, machine *emulator.Machine, dir string) (*initramfs.Builder, error) {
	tree := initramfs.New()
	program := filepath.Join(dir, "init")
	if err := build(ctx, g.arch, "switchyard/internal/guests/init", program); err != nil {
		return nil, err
	}
	if err := tree.Copy("/init", program); err != nil {
		return nil, err
	}
	for _, name := range workload.Names() {
		tree.Link("/bin/"+name, "/init")
	}
	if g.recorder {
		program := filepath.Join(dir, "recorder")
		if err := build(ctx, g.arch, "switchyard/internal/guests/recorder", program); err != nil {
			return nil, err
		}
		if err := tree.Copy(job.Recorder, program); err != nil {
			return nil, err
		}
	}
	if g.config != "" {
		if err := tree.Copy("/boot/"+filepath.Base(g.config), g.config); err != nil {
			return nil, err
		}
	}
	for _, file := range g.files {
		if err := tree.Copy(file.Path, file.Host); err != nil {
			return nil, err
		}
	}
	paths, err := g.addModules(tree, machine)
	if err != nil {
		return nil, err
	}
	task, err := job.Job{Modules: paths, Steps: g.steps, Bring: g.bring}.Marshal()
	tree.File(job.Path, 0o644, task)
	return tree, err
}

func (g *guest) addModules(tree *initramfs.Builder, machine *emulator.Machine) ([]string, error) {
	modules, err := g.kernel.Modules(slices.Concat(machine.Modules(), g.modules)...)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, module := range modules {
		tree.File(modulePath(module.Name), 0o644, module.Content)
		paths = append(paths, modulePath(module.Name))
	}
	spare, err := g.kernel.Modules(g.spare...)
	for _, module := range spare {
		tree.File(modulePath(module.Name), 0o644, module.Content)
	}
	return paths, err
}

// modulePath is where a guest finds a module.
func modulePath(name string) string { return "/modules/" + name + ".ko" }

// build compiles a program for the guest, static, for its architecture.
func build(ctx context.Context, arch, pkg, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}
