package node

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/policy"
)

// resolution bounds the blocks of one path, modules not counted.
var resolution = fetch.Budget{Bytes: 64 << 20, Blocks: 1024, Depth: 1, Idle: 20 * time.Second, Total: 2 * time.Minute}

// DagGet implements [control.API].
func (n *Node) DagGet(ctx context.Context, r control.DagGetRequest) (_ []byte, err error) {
	defer explain(&err)
	if err := n.policy.Refresh(); err != nil {
		return nil, err
	}
	root, path, err := SplitPath(r.Path)
	if err != nil {
		return nil, err
	}
	allow, err := parseCIDs(r.Allow)
	if err != nil {
		return nil, err
	}
	ctx = inDocument(ctx, root)
	f, release, err := n.reach(ctx, r.Reach)
	if err != nil {
		return nil, err
	}
	defer release()
	blocks, err := f.Open(ctx, fetch.Request{CID: root, Budget: resolution})
	if err != nil {
		return nil, err
	}
	defer blocks.Close()
	codecs, err := n.newCodecSet(f, allow)
	if err != nil {
		return nil, err
	}
	defer codecs.close()
	resolver := ipldbind.Resolver{
		LinkSystem: linksOver(blocks),
		Codecs:     codecs.Codecs,
		Modules:    requestModules{n, f, slices.Concat(allow, n.allow, n.namedModules(), n.policy.Document().Allow)},
		Policy:     n.envelopes(allow),
	}
	var doc []byte
	err = codecs.retry(ctx, func() error {
		result, err := resolver.Resolve(ctx, root, path, ipldbind.Options{EnterAll: r.Resolve})
		if err != nil {
			return err
		}
		doc, err = toDagJSON(result.Node)
		return err
	})
	return doc, err
}

// SplitPath reads CID[/STEP…], with or without /ipfs/ or ipfs:// in front.
func SplitPath(text string) (cid.Cid, string, error) {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "ipfs://"), "/ipfs/")
	root, path, _ := strings.Cut(text, "/")
	c, err := parseCID(root)
	return c, path, err
}

// linksOver is a link system that reads from a session and decodes nothing by
// itself: content is for codec modules.
func linksOver(blocks *fetch.Session) *linking.LinkSystem {
	lsys := cidlink.DefaultLinkSystem()
	lsys.DecoderChooser = func(lnk datamodel.Link) (codec.Decoder, error) {
		l, ok := lnk.(cidlink.Link)
		if !ok {
			return nil, fetch.ErrNotFound
		}
		return nil, &ipldbind.UnknownCodecError{Multicodec: l.Prefix().Codec}
	}
	lsys.StorageReadOpener = func(lc linking.LinkContext, lnk datamodel.Link) (io.Reader, error) {
		l, ok := lnk.(cidlink.Link)
		if !ok {
			return nil, fetch.ErrNotFound
		}
		b, err := blocks.Get(lc.Ctx, l.Cid)
		return bytes.NewReader(b), err
	}
	return &lsys
}

// envelopes is the policy for modules that a block brings in. What the
// operator named in the request, at the start or to load it, what is built in
// and what policy.json allows may run; "deny" in policy.json leaves only what
// was named, and "pure" adds all that can reach nothing. There is nobody to ask
// yet, so "ask" is "deny". What policy.json denies is refused again, by the host,
// when it is loaded.
func (n *Node) envelopes(request []cid.Cid) ipldbind.Policy {
	named := slices.Concat(request, n.allow, n.namedModules())
	mode := n.policy.Envelopes()
	if mode != policy.EnvelopesAllowList && mode != policy.EnvelopesPure {
		return ipldbind.AllowList(named...)
	}
	for _, b := range n.cfg.Builtin {
		named = append(named, b.CID)
	}
	list := ipldbind.AllowList(append(named, n.policy.Document().Allow...)...)
	if mode == policy.EnvelopesPure {
		return ipldbind.AnyOf(list, ipldbind.AllowPure())
	}
	return list
}

// namedModules are those that are loaded because the operator named them, by
// identity and by the CID that was named.
func (n *Node) namedModules() []cid.Cid {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []cid.Cid
	for _, b := range n.bindings {
		if b.named {
			out = append(out, b.module.ID(), b.module.Locator())
		}
	}
	return out
}

// requestModules gives a resolver the modules that envelopes name, for as long
// as the resolution lasts.
type requestModules struct {
	node  *Node
	fetch *fetch.Fetcher
	named []cid.Cid // what an operator chose may be larger
}

func (m requestModules) file(ctx context.Context, c cid.Cid) (fetch.Verified, error) {
	r := fetch.Request{CID: c, Budget: fetch.Untrusted}
	if slices.Contains(m.named, c) {
		r.Budget = fetch.Pinned
	}
	return m.fetch.File(ctx, r)
}

// Inspect implements [ipldbind.Modules].
func (m requestModules) Inspect(ctx context.Context, c cid.Cid) (ipldbind.ModuleInfo, error) {
	v, err := m.file(ctx, c)
	if err != nil {
		return ipldbind.ModuleInfo{}, err
	}
	r, err := m.node.host.Inspect(ctx, v)
	if err != nil {
		return ipldbind.ModuleInfo{}, err
	}
	return ipldbind.ModuleInfo{ID: v.ID(), Name: r.Name, Version: r.Version, Purity: purity(r.Purity), Size: r.Size}, nil
}

// Load implements [ipldbind.Modules]. The resolver has asked its policy.
func (m requestModules) Load(ctx context.Context, c cid.Cid) (*ipldbind.Codec, func(), error) {
	v, err := m.file(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return m.node.borrow(withAllowed(ctx, []cid.Cid{c}), v, slices.Contains(m.named, c))
}

// Describe implements [control.API].
func (n *Node) Describe(ctx context.Context, r control.DescribeRequest) (_ control.Put, err error) {
	defer explain(&err)
	module, err := n.moduleCID(r.Codec)
	if err != nil {
		return control.Put{}, err
	}
	data, err := parseCID(r.Data)
	if err != nil {
		return control.Put{}, err
	}
	if r.Allow {
		ctx = withAllowed(ctx, []cid.Cid{module})
	}
	ctx = inDocument(ctx, data)
	f, release, err := n.reach(ctx, r.Reach)
	if err != nil {
		return control.Put{}, err
	}
	defer release()
	block, err := f.Block(ctx, fetch.Request{CID: data, Budget: oneBlock})
	if err != nil {
		return control.Put{}, err
	}
	v, err := n.fetchModule(ctx, f, module)
	if err != nil {
		return control.Put{}, err
	}
	c, unload, err := n.borrow(ctx, v, true)
	if err != nil {
		return control.Put{}, err
	}
	defer unload()
	o := ipldbind.EnvelopeOptions{DataLink: data}
	if len(v.Bytes()) > control.MaxBlock {
		o.Module = v.Locator() // its identity is no block that could travel
	}
	envelope, err := ipldbind.WriteEnvelope(ctx, c, block, o)
	if err != nil {
		return control.Put{}, err
	}
	return n.putNew(ctx, cid.DagCBOR, envelope)
}
