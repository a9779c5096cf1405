//go:build race

package sdk_test

// raceDetector slows the engine's compiler twentyfold.
const raceDetector = true
