// Package host loads content-addressed WebAssembly modules and calls them. It
// is what a program embeds to be extended by code that it fetches by CID, and
// that can do only what it was granted.
//
// Start with [New], which takes an engine, then [Host.Load] a CID into a
// [Binding], [Module.Acquire] an instance and [Instance.Call] an export:
//
//	e, err := wazero.New(wazero.Config{})
//	h, err := host.New(e, host.Config{
//		Fetch:  fetcher,                  // a *fetch.Fetcher
//		Policy: host.AllowList(codecCID), // without a policy, nothing loads
//	})
//	defer h.Close(ctx)
//	m, err := h.Load(ctx, codecCID, host.Binding{Name: "codec"})
//	i, err := m.Acquire(ctx)
//	defer i.Release()
//	table, err := i.Call(ctx, host.CodecDecode, block, nil)
//
// Codecs are more comfortable through host/ipldbind, which does the last
// three steps and turns token tables into IPLD nodes.
//
// # The way of a CID
//
//	CID → fetch → verify → validate → meter → compile → instantiate → bind → call
//
// host.go orders these steps and is the only place that does. Whatever refuses
// a module up to and including compile does so before any of its code ran, as
// a [*RefusedError].
//
// # What a module may do
//
// Nothing beyond computing, unless its binding grants it. A module lists the
// interfaces it requires and those it can do without. A required one that
// this host does not have, or the binding does not grant, refuses the module;
// an optional one answers UNSUPPORTED or DENIED. [Host.Inspect] tells all that
// beforehand, without running anything.
//
// # Sharing
//
// A module loaded twice is compiled once; its two bindings share that code and
// nothing else. Instances are pooled per module. An instance that trapped, hit
// a limit or broke the ABI is discarded, the module stays usable. One that did
// none of that serves the next caller with its memory as it is: what must be
// kept apart goes into separate bindings.
//
// # What is not bounded yet
//
// Memory, inputs, outputs, logs and the number of instances are bounded by
// [Limits]; time is not. Code is not metered in this release: a guest that
// loops is not interrupted by a context, a deadline or [Host.Close], and in
// compiled code it stalls the garbage collector of the whole process. Allow
// only modules that you trust not to do that.
//
// # Errors
//
// [*RefusedError], [*CallError], [*TrapError] and [*LimitError] carry a stable
// Code and, where something can be done, a Hint. [ErrClosed] and [ErrBusy] are
// for errors.Is.
package host
