package node_test

import (
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// slate is an honest codec with two weaknesses: data that begins with 's' takes
// it for ever, and it remembers what it saw. Once it has seen anything, its
// decode answers NOT_FOUND.
var slate = wasmtest.Codec(wasmtest.ManifestName("slate"), wasmtest.ManifestCode(0x300020),
	wasmtest.Edit(func(b *wasmtest.Builder) { b.Global(wasmtest.I32, true, wasmtest.Code{}.I32Const(0)) }),
	wasmtest.Body(abi.ExportCodecDecode, wasmtest.Code{}.
		LocalGet(0).Mem(wasmtest.OpI32Load8U, 0, 0).I32Const('s').Op(wasmtest.OpI32Eq).
		If(wasmtest.Void).Loop(wasmtest.Void).Br(0).End().End().
		GlobalGet(1).If(wasmtest.Void).I64Const(int64(abi.StatusNotFound)).Op(wasmtest.OpReturn).End().
		I32Const(1).GlobalSet(1).
		// The static table of the test codec says where its input is.
		I32Const(2064+36).LocalGet(1).Mem(wasmtest.OpI32Store, 2, 0).
		Result(wasmtest.Code{}.I32Const(2064), wasmtest.Code{}.I32Const(48))))

func dagGet(t *testing.T, n *node.Node, path string) error {
	t.Helper()
	_, err := n.DagGet(t.Context(), control.DagGetRequest{Path: path})
	return err
}

// Documents with which an honest codec fails, however many there are and however
// often they are read, lose it for themselves and for nobody else.
func TestHostileDocuments(t *testing.T) {
	n := openPure(t, host.Limits{FuelPerCall: 300_000})
	honest := envelope(t, n, slate, "honest") + "/~"
	var evil []string
	for _, data := range []string{"s1", "s2", "s3", "s4"} {
		evil = append(evil, envelope(t, n, slate, data)+"/~")
	}
	for _, path := range evil {
		for range 10 {
			if err := dagGet(t, n, path); code(err) != "limit" {
				t.Fatalf("%v, want limit", err)
			}
		}
		if err := dagGet(t, n, path); code(err) != "quarantined" {
			t.Errorf("after ten failures: %v", err)
		}
		if err := dagGet(t, n, honest); err != nil {
			t.Errorf("another document: %v", err)
		}
	}
}

// What a codec remembers of one document does not show in another one, whether
// it came with the document or the operator chose it.
func TestNothingIsLeftOver(t *testing.T) {
	n := openPure(t, host.Limits{MaxInstances: 1})
	for _, doc := range []string{"alice", "bob", "carol"} {
		path := envelope(t, n, slate, doc) + "/~"
		if err := dagGet(t, n, path); err != nil {
			t.Errorf("an envelope of %s: %v", doc, err)
		}
		if err := dagGet(t, n, path); code(err) != "module-status" {
			t.Errorf("read again: %v; so the codec remembers nothing, and this test shows nothing", err)
		}
	}
	if _, err := n.Load(t.Context(), control.LoadRequest{Module: put(t, n, slate), Allow: true}); err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"dave", "erin"} {
		if err := dagGet(t, n, putCode(t, n, 0x300020, []byte(doc))); err != nil {
			t.Errorf("a block of %s: %v", doc, err)
		}
	}
}
