// Package hostcall holds the host's functions as a guest sees them: imports in
// Wasm, and variables elsewhere, which a fake host sets (see sdk/sdktest). Both
// files are generated; module authors use sdk, sdk/log and sdk/config instead.
package hostcall
