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

func TestWhatTheRecordingSaysOfPCIDs(t *testing.T) {
	yes, no := true, false
	old := machine.V4_4
	for name, c := range map[string]struct {
		recorded  trace.Meta
		asked     Options
		pcid, pti bool
	}{
		"nothing is said":           {trace.Meta{}, Options{}, true, false},
		"as recorded":               {trace.Meta{PCID: &no, PTI: &yes}, Options{}, false, true},
		"as asked for":              {trace.Meta{PCID: &no, PTI: &yes}, Options{PCID: &yes, PTI: &no}, true, false},
		"not in an earlier release": {trace.Meta{PCID: &yes, PTI: &yes}, Options{Release: &old}, false, false},
	} {
		c.recorded.Release, c.recorded.Arch, c.recorded.CPUs = "6.12.1", "x86_64", 1
		got, _, err := c.asked.config(&c.recorded)
		if err != nil || got.PCID != c.pcid || got.PTI != c.pti {
			t.Errorf("%s: PCID %v, PTI %v, %v", name, got.PCID, got.PTI, err)
		}
	}
}
