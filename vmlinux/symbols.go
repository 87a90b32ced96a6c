package vmlinux

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Symbol is a name for an address.
type Symbol struct {
	Name string
	Addr uint64
	Size uint64 // 0 where it is not known, as in kallsyms
}

// symbols are sorted by address once the image is open.
type symbols []Symbol

func (s symbols) lookup(name string) (Symbol, bool) {
	for i := range s {
		if s[i].Name == name {
			return s[i], true
		}
	}
	return Symbol{}, false
}

// after returns the index of the first symbol above addr.
func (s symbols) after(addr uint64) int {
	i, _ := slices.BinarySearchFunc(s, addr, func(s Symbol, a uint64) int {
		if s.Addr <= a {
			return -1
		}
		return 1
	})
	return i
}

// finish is what all formats end with.
func (img *Image) finish() {
	slices.SortStableFunc(img.symbols, func(a, b Symbol) int { return cmp.Compare(a.Addr, b.Addr) })
	img.Release = img.banner()
}

// Symbol names an address, as in "__switch_to+0x10". It returns "" where no symbol is near.
func (img *Image) Symbol(addr uint64) string {
	i := img.symbols.after(addr) - 1
	if i < 0 || img.at(addr) == nil {
		return ""
	}
	for i > 0 && img.symbols[i-1].Addr == img.symbols[i].Addr {
		i-- // of several names for one place, the first, as the kernel prints it
	}
	if off := addr - img.symbols[i].Addr; off != 0 {
		return fmt.Sprintf("%s+%#x", img.symbols[i].Name, off)
	}
	return img.symbols[i].Name
}

// banner finds the release in linux_banner.
func (img *Image) banner() string {
	const start, maxRelease = "Linux version ", 64
	for i := range img.segments {
		for data := img.segments[i].data; ; {
			at := bytes.Index(data, []byte(start))
			if at < 0 {
				break
			}
			data = data[at+len(start):]
			release, _, found := strings.Cut(string(data[:min(len(data), maxRelease+1)]), " ")
			// linux_proc_banner holds "%s" in its place.
			if found && release != "" && release[0] >= '0' && release[0] <= '9' && isPrintable(release) {
				return release
			}
		}
	}
	return ""
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
