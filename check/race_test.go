//go:build race

package check

// raceDetector says that the tests run many times slower than otherwise.
const raceDetector = true
