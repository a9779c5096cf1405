package meter_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// codec calls decode without anything around the engine.
type codec struct {
	*guest
	alloc, decode engine.Func
}

func newCodec(t testing.TB, wasm []byte) *codec {
	t.Helper()
	g := instantiate(t, newEngine(t, wazero.Config{}), wasm)
	c := &codec{guest: g}
	c.refuel()
	for _, name := range []string{"_initialize", abi.ExportInit} {
		if _, ok := g.inst.Func(name); ok {
			if _, err := g.call(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.alloc, _ = g.inst.Func(abi.ExportAlloc)
	c.decode, _ = g.inst.Func(abi.ExportCodecDecode)
	return c
}

// refuel gives more than any call burns. The plain module has nothing to set.
func (c *codec) refuel() {
	if fuel, ok := c.inst.Global(meter.ExportFuel); ok {
		fuel.Set(1 << 60)
	}
}

func (c *codec) run(block []byte) {
	stack := []uint64{uint64(len(block)), 0, 0, 0}
	if err := c.alloc.Call(c.ctx, stack); err != nil {
		c.t.Fatal(err)
	}
	ptr := uint32(stack[0])
	view, ok := c.inst.Memory().View(ptr, uint32(len(block)))
	if !ok {
		c.t.Fatal("alloc gave no memory")
	}
	copy(view, block)
	stack[0], stack[1], stack[2], stack[3] = uint64(ptr), uint64(len(block)), 0, 0
	if err := c.decode.Call(c.ctx, stack); err != nil {
		c.t.Fatal(err)
	}
	if stack[0]>>32 == 0 {
		c.t.Fatalf("decode failed with status %d", stack[0])
	}
}

// mapBlock is DAG-CBOR of about n bytes: a map of integers, strings, bytes, booleans and lists.
func mapBlock(t testing.TB, n int) []byte {
	entries := int64(n / 33)
	node, err := qp.BuildMap(basicnode.Prototype.Any, entries, func(ma datamodel.MapAssembler) {
		for i := range entries {
			k := fmt.Sprintf("k%010d", i)
			switch i % 5 {
			case 0:
				qp.MapEntry(ma, k, qp.Int(i*1000003))
			case 1:
				qp.MapEntry(ma, k, qp.String("value-"+k))
			case 2:
				qp.MapEntry(ma, k, qp.Bytes([]byte(k+k)))
			case 3:
				qp.MapEntry(ma, k, qp.Bool(i%4 == 0))
			case 4:
				qp.MapEntry(ma, k, qp.List(2, func(la datamodel.ListAssembler) {
					qp.ListEntry(la, qp.Int(i))
					qp.ListEntry(la, qp.String("x"))
				}))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dagcbor.Encode(node, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func csvBlock(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,some text,\"quoted, %d\",%d.5\n", i, i, i*7)
	}
	return b.Bytes()
}

// subjects are the codecs that are measured, and blocks for them to decode.
func subjects(b *testing.B) []subject {
	c, ok := iprt.Bytes("dag-cbor")
	if !ok {
		b.Fatal("the codec dag-cbor is not there")
	}
	return []subject{{"c", c, mapBlock(b, 256<<10)}, {"go", goCodec(b), csvBlock(16 << 10)}}
}

type subject struct {
	name        string
	wasm, block []byte
}

// goCodec is the CSV codec, compiled by the Go toolchain as the shipped one is.
func goCodec(b *testing.B) []byte {
	path := filepath.Join(b.TempDir(), "csv.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "../../codecs/csv")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	wasm, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return wasm
}

// BenchmarkOverhead gives how much longer a call takes when it is metered. Plain and metered module take turns, and the
// fastest of each count, so that a busy machine matters little.
func BenchmarkOverhead(b *testing.B) {
	for _, s := range subjects(b) {
		for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			b.Run(s.name+"/"+f.String(), func(b *testing.B) {
				plain, metered := newCodec(b, s.wasm), newCodec(b, rewrite(b, s.wasm, meter.Config{Flavour: f}))
				var best [2]time.Duration
				for b.Loop() {
					for i, c := range []*codec{plain, metered} {
						c.refuel()
						begin := time.Now()
						c.run(s.block)
						if d := time.Since(begin); best[i] == 0 || d < best[i] {
							best[i] = d
						}
					}
				}
				b.ReportMetric(float64(best[1])/float64(best[0]), "ratio")
				if f == meter.Slices {
					metered.refuel()
					metered.run(s.block)
					b.ReportMetric(float64(1<<60-metered.fuel())/float64(best[1]), "fuel/ns")
				}
			})
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	for _, s := range append(subjects(b), subject{name: "ifs", wasm: manyIfs()}) {
		b.Run(s.name, func(b *testing.B) {
			info, err := validate.Module(s.wasm, validate.Rules{Set: validate.Shape})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(s.wasm)))
			n := 0
			for b.Loop() {
				out, err := meter.Rewrite(s.wasm, info, meter.Config{})
				if err != nil {
					b.Fatal(err)
				}
				n = len(out)
			}
			b.ReportMetric(float64(n)/float64(len(s.wasm)), "growth")
		})
	}
}

// manyIfs is a module of bodies that are full of ifs, one after the other and one in the other.
func manyIfs() []byte {
	const size, nested = 100 << 10, 1000
	row := bytes.Repeat(w.Code{}.LocalGet(0).If(w.Void).End(), size/5)
	deep := bytes.Repeat(w.Code{}.LocalGet(0).If(w.Void), nested)
	deep = append(deep, bytes.Repeat([]byte{w.OpElse, w.OpEnd}, nested)...)
	b := w.New()
	for range 10 {
		b.Func([]byte{w.I32}, nil, nil, row)
		b.Func([]byte{w.I32}, nil, nil, bytes.Repeat(deep, size/len(deep)))
	}
	return b.Bytes()
}
