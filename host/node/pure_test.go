package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// envelope stores a block that names a codec module for data.
func envelope(t *testing.T, n control.API, module []byte, data string) string {
	t.Helper()
	put(t, n, module)
	doc, err := qp.BuildMap(basicnode.Prototype.Any, 3, func(ma datamodel.MapAssembler) {
		qp.MapEntry(ma, "iprt", qp.Int(1))
		qp.MapEntry(ma, "codec", qp.Link(cidlink.Link{Cid: fetch.Identity(module)}))
		qp.MapEntry(ma, "data", qp.Bytes([]byte(data)))
	})
	if err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	if err := dagcbor.Encode(doc, &block); err != nil {
		t.Fatal(err)
	}
	hash, err := multihash.Sum(block.Bytes(), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	c := cid.NewCidV1(cid.DagCBOR, hash).String()
	if err := n.PutBlock(t.Context(), c, block.Bytes()); err != nil {
		t.Fatal(err)
	}
	return c
}

// openPure makes a node on which blocks may bring in any code that can reach nothing.
func openPure(t *testing.T, limits host.Limits) *node.Node {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "policy.json"), []byte(`{"version":1,"envelopes":"pure"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, node.Config{Dir: dir, Offline: true, Limits: limits})
}

// With "envelopes": "pure", blocks bring in any code that can reach nothing. It
// spends what it may spend, and whoever else is served does not notice.
func TestPureEnvelopes(t *testing.T) {
	logs := wasmtest.Codec(wasmtest.ManifestName("logs"), wasmtest.ManifestCode(0x300013), wasmtest.Requires("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{wasmtest.I32, wasmtest.I32, wasmtest.I32}, []byte{wasmtest.I32}))
	bomb := wasmtest.Codec(wasmtest.ManifestName("bomb"), wasmtest.ManifestCode(0x300014), wasmtest.Edit(func(b *wasmtest.Builder) {
		b.Func(nil, nil, nil, bytes.Repeat([]byte{0x03, 0x40, 0x0b}, 40_000))
	}))
	for name, tc := range map[string]struct {
		module []byte
		kind   control.Kind // 0 for success, -1 for any error
	}{
		"good":      {echo, 0},
		"spins":     {wasmtest.Codec(wasmtest.ManifestName("spins"), wasmtest.ManifestCode(0x300015), wasmtest.DecodeLoops()), control.Limit},
		"grows":     {wasmtest.Codec(wasmtest.ManifestName("grows"), wasmtest.ManifestCode(0x300016), wasmtest.DecodeGrows()), -1},
		"not pure":  {logs, control.Refused},
		"dear":      {bomb, control.Refused},
		"no module": {[]byte("noise"), -1},
	} {
		t.Run(name, func(t *testing.T) {
			n := openPure(t, host.Limits{FuelPerCall: 10_000_000})
			c := envelope(t, n, tc.module, "data")
			begun := time.Now()
			_, err := n.DagGet(t.Context(), control.DagGetRequest{Path: c + "/~"})
			var got control.Kind
			if e, ok := errors.AsType[*control.Error](err); ok {
				got = e.Kind
			}
			if got != tc.kind && (tc.kind != -1 || err == nil) {
				t.Errorf("%v (kind %d), want kind %d", err, got, tc.kind)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
