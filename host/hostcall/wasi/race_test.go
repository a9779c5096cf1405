//go:build race

package wasi_test

// raceEnabled says that the race detector is on, which slows wazero's compiler down
// tenfold and has nothing to find in it.
const raceEnabled = true
