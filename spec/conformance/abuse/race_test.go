//go:build race

package abuse_test

const raceDetector = true
