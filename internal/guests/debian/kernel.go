package debian

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kernel fetches the newest cloud kernel of a series ("6.1", "6.12"), or one by its exact package name.
func (a *Archive) Kernel(ctx context.Context, which string) (Package, error) {
	if strings.HasPrefix(which, "linux-image-") {
		return a.unpackKernel(ctx, which)
	}
	out, err := a.run(ctx, "apt-cache", "pkgnames", "linux-image-"+which+".")
	if err != nil {
		return Package{}, err
	}
	name, err := newestKernel(strings.Fields(out), which, a.Arch)
	if err != nil {
		return Package{}, fmt.Errorf("%s: %w", a.suite, err)
	}
	return a.unpackKernel(ctx, name)
}

// unpackKernel unpacks a kernel's package, and from 7.2 on those into which it was split: the image, the modules and what
// it was configured with.
func (a *Archive) unpackKernel(ctx context.Context, name string) (Package, error) {
	kernel := strings.TrimPrefix(name, "linux-image-")
	names := []string{name}
	for _, part := range []string{"linux-binary-", "linux-modules-", "linux-base-"} {
		out, err := a.run(ctx, "apt-cache", "pkgnames", part+kernel)
		if err != nil {
			return Package{}, err
		}
		if slices.Contains(strings.Fields(out), part+kernel) {
			names = append(names, part+kernel)
		}
	}
	return a.unpack(ctx, name, append([]string{"download"}, names...)...)
}

// newestKernel chooses the newest signed cloud kernel of a series. The archive keeps several side by side under names
// that differ in their numbers: linux-image-6.1.0-56-cloud-amd64, linux-image-6.12.117+deb12-cloud-arm64.
func newestKernel(names []string, series, arch string) (string, error) {
	if !seriesName.MatchString(series) {
		return "", fmt.Errorf("a kernel series is two numbers, as in 6.12, not %q", series)
	}
	pattern := regexp.MustCompile(`^linux-image-` + regexp.QuoteMeta(series) + `\.[0-9]+[-+0-9deb]*-cloud-` + arch + `$`)
	var candidates []string
	for _, name := range names {
		if pattern.MatchString(name) {
			candidates = append(candidates, name)
		}
	}
	if len(candidates) == 0 {
		return "", fmt.Errorf("there is no cloud kernel of series %q for %s", series, arch)
	}
	return slices.MaxFunc(candidates, func(x, y string) int { return slices.Compare(numbers(x), numbers(y)) }), nil
}

var seriesName = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

var digits = regexp.MustCompile(`[0-9]+`)

// numbers are all the numbers in a name, so that 117 is newer than 99.
func numbers(name string) []int {
	var all []int
	for _, text := range digits.FindAllString(name, -1) {
		n, _ := strconv.Atoi(text)
		all = append(all, n)
	}
	return all
}
