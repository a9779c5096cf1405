// Package ipldbind gives go-ipld-prime the codecs that come as modules: an IPLD block is decoded, encoded and searched for links by
// a WebAssembly module that was fetched by CID.
//
// Start with a loaded module, [Bind] it, and [Codecs.Add] it to the codecs of a program:
//
//	m, err := h.Load(ctx, codecCID, host.Binding{Name: "csv"})
//	c, err := ipldbind.Bind(m)
//	codecs := ipldbind.New(ipldbind.Config{})
//	err = codecs.Add(c.Code(), c)
//	node, err := codecs.Decode(ctx, c.Code(), block, nil)
//
// [Codecs.Install] makes them the codecs of a LinkSystem, in front of those that it had. [Codecs.Load] loads one block with a context.
//
// # Views
//
// Decode returns a view: a datamodel.Node over the block and a compact table, made with a handful of allocations whatever the size of the
// block, immutable, safe for concurrent readers, and independent of the module once it is made. The view points into the block that it
// was decoded from, which therefore must not be changed any more. [Codecs.DecodeInto] fills a NodeAssembler instead. See package
// table for what is checked before a view exists.
//
// # Unverified bytes
//
// Codec modules are untrusted code, and blocks come from strangers; what a module is given should at least be what was asked for.
// LinkSystem.Load and LinkSystem.Fill run the decoder before they have checked the hash. The decoders that Install puts in therefore read the
// whole block, check it against the link's CID, and only then call the module.
//
// # Self-describing blocks
//
// An envelope is a DAG-CBOR block that names the module which decodes its data. [ParseEnvelope] recognises one, [WriteEnvelope] makes
// one, and a [Resolver] follows paths through them: ENVELOPE/~/a/b, where the step "~" goes from the envelope into its decoded
// data. Nothing is decoded by a module that the resolver's [Policy] does not allow, and nothing is fetched that the path does not
// ask for.
package ipldbind
