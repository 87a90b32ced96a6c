package replay

import (
	"fmt"

	"switchyard/machine"
	"switchyard/trace"
)

// recordedRelease is the newest modelled release that is not newer than the recorded kernel.
func recordedRelease(m *trace.Meta) machine.Release {
	var v version
	if !v.parse(m.Release) {
		return machine.Newest
	}
	found := machine.Oldest
	for _, r := range machine.Releases() {
		var known version
		if known.parse(r.String()) && !v.before(known) {
			found = r
		}
	}
	return found
}

// version is the numbers that a kernel release begins with.
type version [3]int

// parse reads "6.12.117+deb12-cloud-amd64" and "2.6.32-5". What no number stands for is 0.
func (v *version) parse(release string) bool {
	n, _ := fmt.Sscanf(release, "%d.%d.%d", &v[0], &v[1], &v[2])
	return n >= 2
}

func (v version) before(o version) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}
