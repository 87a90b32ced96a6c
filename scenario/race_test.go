//go:build race

package scenario_test

// raceDetector says that the tests run many times slower than otherwise.
const raceDetector = true
