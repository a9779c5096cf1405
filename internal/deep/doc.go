// Package deep holds that deep recursion ends where spec/metering.md says, on every engine of the build, and not with the
// engine's own stack. Everything in it is a test.
package deep
