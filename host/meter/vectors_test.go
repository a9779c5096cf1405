package meter_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/spec"
)

// TestVectors holds both engines and flavours to the vectors of the specification.
func TestVectors(t *testing.T) {
	vectors, err := spec.Vectors("metering")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range engineConfigs {
		for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			e := newEngine(t, cfg)
			for _, v := range vectors {
				t.Run(name+"/"+f.String()+"/"+v.Name, func(t *testing.T) {
					fresh := compile(t, e, rewrite(t, v.Body, meter.Config{Flavour: f}))
					checkVector(t, v, fresh(), meter.MaxDepth)
					if needs := number(t, v, "needs", 0); v.Expect == "returned" {
						checkVector(t, v, fresh(), int32(needs))
						if needs > 0 {
							v.Expect, v.Header["burns"] = "too-deep", ""
							checkVector(t, v, fresh(), int32(needs-1))
						}
					}
				})
			}
		}
	}
}

func checkVector(t *testing.T, v spec.Vector, g *guest, depth int32) {
	t.Helper()
	budget := number(t, v, "budget", 1<<40)
	g.setFuel(budget)
	g.setDepth(depth)
	call := strings.Fields(v.Header["call"])
	var args []uint64
	for _, a := range call[1:] {
		n, err := strconv.ParseUint(a, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, n)
	}
	results, err := g.call(call[0], args...)
	got := "returned"
	switch {
	case g.depth() < 0:
		got = "too-deep"
	case g.fuel() < 0:
		got = "out-of-fuel"
	case err != nil:
		got = "trapped"
	}
	if got != v.Expect {
		t.Errorf("got %s (%v), expected %s: %s", got, err, v.Expect, v.About)
	}
	if burns := v.Header["burns"]; burns != "" && budget-g.fuel() != number(t, v, "burns", 0) {
		t.Errorf("burns %d, expected %s: %s", budget-g.fuel(), burns, v.About)
	}
	if err == nil && g.depth() != depth {
		t.Errorf("leaves a depth of %d of %d", g.depth(), depth)
	}
	if want := v.Header["gives"]; want != "" && err == nil && (len(results) != 1 || strconv.FormatUint(results[0], 10) != want) {
		t.Errorf("gives %d, expected %s", results, want)
	}
	var trap *engine.Trap
	if err != nil && !errors.As(err, &trap) {
		t.Errorf("%v is no trap", err)
	}
}

func number(t *testing.T, v spec.Vector, field string, otherwise int64) int64 {
	t.Helper()
	s := v.Header[field]
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	return n
}
