// Package programs runs whole programs that nobody wrote for iprt, metered
// and as they are, and compares what they print. Everything in it is a test.
package programs
