package check

import "testing"

// slowUnderRace leaves out, under the race detector, what runs on one goroutine or on engines that other tests run as well: it
// would take minutes, and show nothing more.
func slowUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("shows nothing more under the race detector")
	}
}
