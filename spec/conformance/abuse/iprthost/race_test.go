//go:build race

package iprthost_test

const raceDetector = true
