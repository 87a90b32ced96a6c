//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// platform is a machine that guests are run on.
type platform struct {
	name   string // as --machine has it
	note   string // beside its kernel in the table
	arch   string
	pcid   bool
	append string // added to the kernel's command line
	module string // loaded and taken out again during the mixed load
}

var platforms = []platform{
	{name: "amd64", arch: "amd64"},
	{name: "arm64", arch: "arm64"},
	{name: "amd64-pcid", arch: "amd64", pcid: true, append: "pti=off"},
	{name: "amd64-pcid-pti", note: ", PTI", arch: "amd64", pcid: true, append: "pti=on", module: "crc_itu_t"},
}

func platformNames() []string {
	var names []string
	for _, p := range platforms {
		names = append(names, p.name)
	}
	return names
}

func findPlatform(name string) (platform, error) {
	i := slices.IndexFunc(platforms, func(p platform) bool { return p.name == name })
	if i < 0 {
		return platform{}, fmt.Errorf("there is no machine %q: known are %s", name, strings.Join(platformNames(), ", "))
	}
	return platforms[i], nil
}

// percent is how much of a load is for this machine: Bochs takes much longer for it than QEMU.
func (p platform) percent(of int) int {
	if p.pcid {
		return max(1, of/10)
	}
	return of
}
