package meter_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
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
)

// codec calls decode without anything around the engine.
type codec struct {
	*guest
	alloc, decode engine.Func
}

func newCodec(t testing.TB, wasm []byte) *codec {
	t.Helper()
	g := instantiate(t, newEngine(t, wazero.Config{}), wasm)
	g.slice = func(fuel int64) (int64, error) { return fuel + 100_000_000, nil }
	for _, name := range []string{"_initialize", abi.ExportInit} {
		if _, ok := g.inst.Func(name); ok {
			if _, err := g.call(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := &codec{guest: g}
	c.alloc, _ = g.inst.Func(abi.ExportAlloc)
	c.decode, _ = g.inst.Func(abi.ExportCodecDecode)
	return c
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

// BenchmarkOverhead gives how much longer a call takes when it is metered, in turns with the plain module, so that a busy
// machine slows both.
func BenchmarkOverhead(b *testing.B) {
	c, _ := iprt.Bytes("dag-cbor")
	for _, s := range []struct {
		name        string
		wasm, block []byte
	}{{"c", c, mapBlock(b, 256<<10)}, {"go", goCodec(b), csvBlock(16 << 10)}} {
		if s.wasm == nil {
			continue
		}
		for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			b.Run(s.name+"/"+f.String(), func(b *testing.B) {
				plain, metered := newCodec(b, s.wasm), newCodec(b, rewrite(b, s.wasm, meter.Config{Flavour: f}))
				time1 := func(c *codec) float64 {
					if f == meter.OneSlice && c == metered {
						c.setFuel(1 << 60)
					}
					begin := time.Now()
					c.run(s.block)
					return float64(time.Since(begin))
				}
				time1(plain)
				time1(metered)
				var ratios []float64
				for b.Loop() {
					p, m := 0.0, 0.0
					for i := range 7 {
						a, c := time1(plain), time1(metered)
						if i == 0 || a < p {
							p = a
						}
						if i == 0 || c < m {
							m = c
						}
					}
					ratios = append(ratios, m/p)
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "ratio")
			})
		}
	}
}

func goCodec(testing.TB) []byte {
	b, _ := os.ReadFile(os.Getenv("CSVWASM"))
	return b
}
