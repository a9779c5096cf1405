package host_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/internal/wasmtest"
)

// BenchmarkReset is what handing an instance to another domain costs, beside
// starting a new one.
func BenchmarkReset(b *testing.B) {
	for _, pages := range []uint32{1, 2, 37} {
		for name, change := range map[string]bool{"same domain": false, "another": true} {
			b.Run(fmt.Sprintf("%d KiB/%s", pages*64, name), func(b *testing.B) {
				h := newHost(b, newEngine(b, false), host.Config{Limits: host.Limits{MaxInstances: 1}})
				m := load(b, h, wasmtest.Codec(wasmtest.Memory(pages, 100)), host.Binding{})
				domains := [2]context.Context{host.InDomain(context.Background(), "a"), host.InDomain(context.Background(), "b")}
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					ctx := domains[0]
					if change {
						ctx = domains[n%2]
					}
					i, err := m.Acquire(ctx)
					if err != nil {
						b.Fatal(err)
					}
					i.Release()
				}
			})
		}
	}
}

// BenchmarkStart is the alternative to a reset.
func BenchmarkStart(b *testing.B) {
	h := newHost(b, newEngine(b, false), host.Config{Breaker: host.Breaker{Faults: -1}})
	m := load(b, h, wasmtest.Codec(wasmtest.Memory(2, 100)), host.Binding{})
	for b.Loop() {
		i, err := m.Acquire(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		i.Discard(fmt.Errorf("to start another"))
	}
}
