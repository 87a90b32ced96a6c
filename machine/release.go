package machine

import (
	"fmt"
	"strings"
)

// Release is a kernel version whose rules are modelled. Later releases compare greater.
type Release uint8

const (
	V2_6_32 Release = iota
	V4_4
	V5_0
	V6_1
	V6_12
	V7_3

	Oldest = V2_6_32
	Newest = V7_3
)

var releaseNames = [...]string{"2.6.32", "4.4", "5.0", "6.1", "6.12", "7.3"}

func (r Release) String() string {
	if int(r) < len(releaseNames) {
		return releaseNames[r]
	}
	return fmt.Sprintf("Release(%d)", uint8(r))
}

// Releases lists every modelled release, oldest first.
func Releases() []Release {
	return []Release{V2_6_32, V4_4, V5_0, V6_1, V6_12, V7_3}
}

// ParseRelease reads a release by its name, as in "6.12".
func ParseRelease(name string) (Release, error) {
	for i, n := range releaseNames {
		if n == name {
			return Release(i), nil
		}
	}
	return 0, fmt.Errorf("unknown release %q: choose one of %s", name, strings.Join(releaseNames[:], ", "))
}
