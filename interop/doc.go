// Package interop holds iprt to software that knows nothing about it: a real
// Kubo, gateways and bitswap peers that lie, and other people's decoders as
// oracles.
//
// Start with kubo_test.go. Everything runs on loopback; nothing is mocked. The
// module is its own, because Kubo's dependencies must not become those of a
// program that imports iprt.
package interop
