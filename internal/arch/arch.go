// Package arch has no code: its tests are the import rules of this repository. Start with the table in arch_test.go.
package arch
