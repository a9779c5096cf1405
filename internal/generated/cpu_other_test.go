//go:build !unix

package generated

import "time"

var start = time.Now()

func clock() time.Duration { return time.Since(start) }
