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
// none of that serves the next caller of the same domain with its memory as it
// is; for a caller of another domain it is put back to its first state. Say
// with [InDomain] on whose behalf modules are called.
//
// # What a module can cost
//
// [Limits] bounds it: memory, time, what is executed, inputs, outputs, logs,
// calls of the host, the number of instances, and what compiling may take.
// Code is metered: every 100,000 units of fuel, well within a millisecond, a
// guest asks the host for more, and then its budget, its deadline, its context
// and whether somebody closes the module are looked at. The same call takes
// the same fuel on every engine. The garbage collector need not wait longer
// than that either.
//
// A call that ends within its first slice is never held up. One that does not
// needs a run token ([Config.RunTokens]) from then on, and shares the tokens
// with others like it, in turns: however many guests spin, short calls and the
// rest of the program keep a processor.
//
// A module that keeps failing is put in quarantine for a while; see [Breaker].
//
// What is not bounded: what side channels tell two guests in one process of
// each other, and what flaws an engine may have.
//
// # Calls on behalf of calls
//
// A host function that calls a guest passes on the context that it got. Its
// guest then runs on the run token and within the time of the one that it
// works for, and cannot go on like that: nesting ends there. The context must
// not be used after the function has returned. A function that may wait for
// something else than a processor says so in its table (hostcall.Waits); the
// token is free for others while it runs.
//
// # Errors
//
// [*RefusedError], [*CallError], [*TrapError] and [*LimitError] carry a stable
// Code and, where something can be done, a Hint. [ErrClosed] and [ErrBusy] are
// for errors.Is.
package host
