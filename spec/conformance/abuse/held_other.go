//go:build !linux

package abuse

import "errors"

// Only Linux has what the corpus measures and limits by. Elsewhere its cases run without; [Report.Without] says so.

func descriptors() int { return 0 }

func starve(int) (func(), error) { return func() {}, nil }

func limitAddressSpace(uint64) error { return errors.ErrUnsupported }

func peakMemory() uint64 { return 0 }
