package ipldbind

// Private-use codes mean what those who use them agreed on; every other code means what the multicodec table says.
const (
	privateFirst = 0x300000
	privateLast  = 0x3fffff
)

func isPrivate(code uint64) bool { return code >= privateFirst && code <= privateLast }
