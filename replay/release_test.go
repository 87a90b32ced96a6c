package replay

import (
	"testing"

	"switchyard/machine"
	"switchyard/trace"
)

func TestRecordedRelease(t *testing.T) {
	for release, want := range map[string]machine.Release{
		"6.12.117+deb12-cloud-amd64": machine.V6_12,
		"6.18.0":                     machine.V6_12,
		"6.1.0-9-amd64":              machine.V6_1,
		"6.0.19":                     machine.V5_0,
		"5.15.100":                   machine.V5_0,
		"4.19.0":                     machine.V4_4,
		"2.6.32-5-686":               machine.V2_6_32,
		"2.6.18":                     machine.V2_6_32,
		"7.3.4":                      machine.V7_3,
		"9.0":                        machine.V7_3,
		"":                           machine.Newest,
		"mainline":                   machine.Newest,
	} {
		if got := recordedRelease(&trace.Meta{Release: release}); got != want {
			t.Errorf("%q: rules of %s, want %s", release, got, want)
		}
	}
}
