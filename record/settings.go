//go:build linux

package record

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/record/tape"
)

// relevant are the kernel's options that change what a switch does or what can be seen of it.
var relevant = []string{
	"CONFIG_PREEMPT", "CONFIG_PREEMPT_DYNAMIC", "CONFIG_PREEMPT_RT", "CONFIG_PREEMPT_VOLUNTARY", "CONFIG_PREEMPT_NONE", "CONFIG_HZ",
	"CONFIG_MMU_LAZY_TLB_REFCOUNT", "CONFIG_MMU_LAZY_TLB_SHOOTDOWN", "CONFIG_MEMBARRIER", "CONFIG_SCHED_MM_CID",
	"CONFIG_TRANSPARENT_HUGEPAGE", "CONFIG_LRU_GEN", "CONFIG_KSM", "CONFIG_NUMA", "CONFIG_FAIR_GROUP_SCHED",
	"CONFIG_PAGE_TABLE_ISOLATION", "CONFIG_MITIGATION_PAGE_TABLE_ISOLATION",
	"CONFIG_UNMAP_KERNEL_AT_EL0", "CONFIG_ARM64_SW_TTBR0_PAN", "CONFIG_ARM64_CNP", "CONFIG_RANDOMIZE_BASE",
}

// settings describes the machine that is recorded.
func settings(o *Options, missing []string) (tape.Meta, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return tape.Meta{}, err
	}
	m := tape.Meta{
		Release: unix.ByteSliceToString(u.Release[:]), Arch: unix.ByteSliceToString(u.Machine[:]),
		CPUs: listed("/sys/devices/system/cpu/possible"), Online: listed("/sys/devices/system/cpu/online"),
		Clock: "CLOCK_MONOTONIC", Tool: o.Tool, Command: o.Command, Missing: missing, Config: kernelConfig(),
	}
	if s, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"); err == nil {
		m.Config["transparent_hugepage"] = chosen(string(s))
	}
	if flags := cpuFlags(); flags != nil {
		m.Config["pcid"] = strconv.FormatBool(flags["pcid"])
		m.Config["invpcid"] = strconv.FormatBool(flags["invpcid"])
		m.Config["pti"] = strconv.FormatBool(flags["pti"])
		m.Config["hypervisor"] = strconv.FormatBool(flags["hypervisor"])
	}
	return m, nil
}

// chosen is the word in brackets of a sysfs choice.
func chosen(s string) string {
	_, s, _ = strings.Cut(s, "[")
	s, _, _ = strings.Cut(s, "]")
	return s
}

// listed counts the CPUs of a list like 0-3,6.
func listed(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return runtime.NumCPU()
	}
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, more := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if more && err == nil {
			b, err = strconv.Atoi(last)
		}
		if err != nil || b < a {
			return runtime.NumCPU()
		}
		n += b - a + 1
	}
	return n
}

// cpuFlags are the first CPU's; nil where /proc/cpuinfo has no x86 flags.
func cpuFlags() map[string]bool {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "flags"); ok {
			flags := map[string]bool{}
			for _, f := range strings.Fields(rest) {
				flags[f] = true
			}
			return flags
		}
	}
	return nil
}

// kernelConfig is what is known of the options, from wherever this system has them.
func kernelConfig() map[string]string {
	found := map[string]string{}
	in := openConfig()
	if in == nil {
		return found
	}
	defer in.Close()
	wanted := map[string]bool{}
	for _, name := range relevant {
		wanted[name] = true
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok && wanted[name] {
			found[name] = value
		}
	}
	return found
}

func openConfig() io.ReadCloser {
	if f, err := os.Open("/proc/config.gz"); err == nil {
		if z, err := gzip.NewReader(f); err == nil {
			return struct {
				io.Reader
				io.Closer
			}{z, f}
		}
		f.Close()
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return nil
	}
	f, err := os.Open(filepath.Join("/boot", "config-"+unix.ByteSliceToString(u.Release[:])))
	if err != nil {
		return nil
	}
	return f
}
