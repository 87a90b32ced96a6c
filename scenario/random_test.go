package scenario_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"switchyard/scenario"
)

var randomMachines = []string{
	`RELEASE, ARCH, OPTIONS = "2.6.32", "classic", {}`,
	`RELEASE, ARCH, OPTIONS = "2.6.32", "x86-64", {}`,
	`RELEASE, ARCH, OPTIONS = "4.4", "x86-64", {}`,
	`RELEASE, ARCH, OPTIONS = "4.4", "arm64", {"asid_bits": 4}`,
	`RELEASE, ARCH, OPTIONS = "5.0", "classic", {}`,
	`RELEASE, ARCH, OPTIONS = "5.0", "x86-64", {"pcid": True, "pti": True}`,
	`RELEASE, ARCH, OPTIONS = "5.0", "arm64", {"kpti": True, "asid_bits": 5}`,
	`RELEASE, ARCH, OPTIONS = "6.1", "x86-64", {"pcid": False}`,
	`RELEASE, ARCH, OPTIONS = "6.1", "arm64", {"pan": True, "asid_bits": 4}`,
	`RELEASE, ARCH, OPTIONS = "6.12", "x86-64", {"pcid": True}`,
	`RELEASE, ARCH, OPTIONS = "6.12", "arm64", {"cnp": True, "asid_bits": 4}`,
	`RELEASE, ARCH, OPTIONS = "6.12", "x86-64", {"lazy": "shootdown"}`,
	`RELEASE, ARCH, OPTIONS = "6.12", "classic", {"lazy": "shootdown"}`,
	`RELEASE, ARCH, OPTIONS = "6.12", "arm64", {"lazy": "shootdown", "asid_bits": 4}`,
	`RELEASE, ARCH, OPTIONS = "7.3", "classic", {"lazy": "off"}`,
	`RELEASE, ARCH, OPTIONS = "7.3", "x86-64", {"pcid": True, "pti": True}`,
	`RELEASE, ARCH, OPTIONS = "7.3", "x86-64", {"lazy": "off"}`,
	`RELEASE, ARCH, OPTIONS = "7.3", "arm64", {"kpti": True, "pan": True, "cnp": True, "asid_bits": 6}`,
	`RELEASE, ARCH, OPTIONS = "7.3", "arm64", {"lazy": "off", "asid_bits": 4}`,
}

// randomScenario writes a scenario that does what the bytes say, on one of the machines above.
func randomScenario(t testing.TB, on string, choices []byte) []byte {
	body, err := os.ReadFile("testdata/random.star")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(on + "\nCHOICES = [")
	for _, c := range choices {
		fmt.Fprintf(&b, "%d,", c)
	}
	b.WriteString("]\n")
	b.Write(body)
	return []byte(b.String())
}

// Whatever happens in whatever order, every rule holds: the operations decide nothing, the paths do.
func TestRandomSchedulesKeepTheRules(t *testing.T) {
	for i, on := range randomMachines {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			x := uint32(2463534242 + i)
			for range 4 {
				choices := make([]byte, 200)
				for j := range choices {
					x ^= x << 13
					x ^= x >> 17
					x ^= x << 5
					choices[j] = byte(x >> 8)
				}
				if _, err := scenario.Run("random.star", randomScenario(t, on, choices), scenario.Options{}); err != nil {
					t.Fatalf("%s\n%v", on, err)
				}
			}
		})
	}
}

// FuzzSchedule is the same with schedules of the fuzzer's choice.
func FuzzSchedule(f *testing.F) {
	f.Add(byte(0), []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Fuzz(func(t *testing.T, on byte, choices []byte) {
		if len(choices) == 0 || len(choices) > 500 {
			return
		}
		src := randomScenario(t, randomMachines[int(on)%len(randomMachines)], choices)
		if _, err := scenario.Run("random.star", src, scenario.Options{}); err != nil {
			t.Fatal(err)
		}
	})
}
