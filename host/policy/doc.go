// Package policy keeps an operator's decisions in a file: which modules may
// run, what each binding is granted, and what self-describing blocks may load.
//
// Start with [Open]; a [File] is a host.Policy, [File.Grants] gives the grants
// of a binding, and [File.Update] changes the file.
//
// # The file
//
// By convention it is policy.json in the data directory. It is JSON, one
// object with these keys and no others:
//
//	{
//	  "version": 1,
//	  "allow": ["bafkrei…"],
//	  "deny": ["bafkrei…"],
//	  "grants": {"torrents": {"iprt:log/v1": {}}},
//	  "holders": {"torrents": "bafkrei…"},
//	  "envelopes": "allow-list"
//	}
//
// "version" is required and 1. Everything else may be left out; a missing
// file is the same as {"version": 1}, which allows nothing.
//
//   - "allow" lists CIDs of modules: the identity, or any other CID they are
//     fetched by; CIDv0 and CIDv1 of one hash are the same here. "deny" lists
//     identities only, because the same bytes can be given any number of other
//     CIDs. Deny beats allow.
//   - "grants" maps the name of a binding to the interfaces it may use, and
//     each of those to its arguments, null or {} for none. They go to whatever
//     module the operator puts into the binding by its name, and never to one that
//     took the name by itself, from its manifest.
//   - "holders" maps the name of a binding to the identity of the one module that
//     gets its grants. That module gets them under its own name, too; no other does.
//   - "envelopes" says which codec modules a self-describing block may bring
//     in: "allow-list" those in "allow" (the default), "deny" none, "pure"
//     also every module that imports nothing granted, "ask" whatever the
//     user says yes to, one by one. None of these gets past "deny".
//
// A file that says anything else is refused as a whole, with the place and
// what was expected: a typo must not turn into a permission.
//
// Saving replaces the file atomically and leaves it readable by its owner
// only. Edits hold from the next decision on: [File.Allow] and [File.Refresh]
// look whether the file has changed. A file that became unreadable allows nothing.
package policy
