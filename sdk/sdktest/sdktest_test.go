//go:build !wasip1

package sdktest

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/config"
	"github.com/iprt/iprt/sdk/log"
)

// funcs is a codec of functions.
type funcs struct {
	decode func(w *abi.TableWriter, block []byte) error
	encode func(t *abi.TableReader) ([]byte, error)
}

func (f funcs) Decode(w *abi.TableWriter, block, _ []byte) error { return f.decode(w, block) }
func (f funcs) Encode(_ []byte, t *abi.TableReader, _ []byte) ([]byte, error) {
	return f.encode(t)
}

// lister is a codec with links of its own.
type lister struct {
	funcs
	links func(w *abi.TableWriter) error
}

func (l lister) Links(w *abi.TableWriter, _, _ []byte) error { return l.links(w) }

var cid = []byte{1, 0x55, 0, 0}

func TestFaultyTablesAreFound(t *testing.T) {
	for name, decode := range map[string]func(w *abi.TableWriter, block []byte) error{
		"past the block": func(w *abi.TableWriter, block []byte) error { w.BytesRef(1, len(block)); return nil },
		"UTF-8":          func(w *abi.TableWriter, block []byte) error { w.StringRef(0, 1); return nil },
		"CID":            func(w *abi.TableWriter, block []byte) error { w.Link([]byte("no")); return nil },
		"order": func(w *abi.TableWriter, block []byte) error {
			w.BeginMap(abi.MapBytewise)
			for _, k := range []string{"b", "a"} {
				w.String(k)
				w.Null()
			}
			w.End()
			return nil
		},
	} {
		c := new(Host).Codec(funcs{decode: decode})
		if table, err := c.Decode([]byte("\xffblock"), nil); !errors.Is(err, abi.StatusInvalid) {
			t.Errorf("%s: got %s, %v", name, Dump(table, nil), err)
		}
	}
}

func TestKeptInputIsOverwritten(t *testing.T) {
	var kept []byte
	c := new(Host).Codec(funcs{decode: func(w *abi.TableWriter, block []byte) error {
		kept = block
		w.Null()
		return nil
	}})
	if _, err := c.Decode([]byte("block"), nil); err != nil {
		t.Fatal(err)
	}
	if string(kept) == "block" {
		t.Error("the input is still there")
	}
}

func TestLinksAreCompared(t *testing.T) {
	decode := func(w *abi.TableWriter, _ []byte) error {
		w.BeginList()
		w.Link(cid)
		w.Link(cid)
		w.End()
		return nil
	}
	list := func(n int, cid []byte) func(w *abi.TableWriter) error {
		return func(w *abi.TableWriter) error {
			w.BeginList()
			for range n {
				w.Link(cid)
			}
			w.End()
			return nil
		}
	}
	for _, tt := range []struct {
		name  string
		links func(w *abi.TableWriter) error
		want  string
	}{
		{"right", list(2, cid), ""},
		{"duplicate dropped", list(1, cid), "links gives 1, decode 2"},
		{"another", list(2, []byte{1, 0x71, 0, 0}), "link 0 is 01710000"},
	} {
		c := new(Host).Codec(lister{funcs{decode: decode}, tt.links})
		_, err := c.Links(nil, nil)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, expected %q", tt.name, err, tt.want)
		}
	}
}

func TestEncodeChecksItsTable(t *testing.T) {
	c := new(Host).Codec(funcs{encode: func(*abi.TableReader) ([]byte, error) { return []byte("out"), nil }})
	if out, err := c.Encode(Table(func(w *abi.TableWriter) { w.Null() }), nil); err != nil || string(out) != "out" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := c.Encode(Table(func(w *abi.TableWriter) { w.BytesRef(0, 0) }), nil); err == nil {
		t.Error("a table that refers to a block was encoded")
	}
}

func TestGoneInstance(t *testing.T) {
	c := new(Host).Codec(funcs{decode: func(*abi.TableWriter, []byte) error { panic("oh") }})
	var trap *Trap
	if _, err := c.Decode(nil, nil); !errors.As(err, &trap) || trap.Text != "panic: oh" || trap.Status != abi.StatusInternal {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Decode(nil, nil); !errors.As(err, &trap) || !strings.Contains(err.Error(), "gone") {
		t.Fatalf("got %v", err)
	}
}

func TestDenied(t *testing.T) {
	h := &Host{Denied: map[string]bool{abi.InterfaceLog: true, abi.InterfaceConfig: true}}
	var logged, configured error
	c := h.Codec(funcs{decode: func(w *abi.TableWriter, _ []byte) error {
		log.Info("lost")
		logged = log.Write(abi.LogError, "lost")
		_, configured = config.Get("key")
		w.Null()
		return nil
	}})
	if _, err := c.Decode(nil, nil); err != nil {
		t.Fatal(err)
	}
	if logged != abi.StatusDenied || configured != abi.StatusDenied || len(h.Log) != 0 {
		t.Errorf("got %v, %v, %v", logged, configured, h.Log)
	}
	if err := log.Write(abi.LogInfo, "no host"); err != abi.StatusUnsupported {
		t.Errorf("outside a call: %v", err)
	}
}

func TestLevelsAreChecked(t *testing.T) {
	h := &Host{}
	c := h.Codec(funcs{decode: func(w *abi.TableWriter, _ []byte) error { w.Null(); return log.Write(7, "x") }})
	if _, err := c.Decode(nil, nil); !errors.Is(err, abi.StatusInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestDump(t *testing.T) {
	table := Table(func(w *abi.TableWriter) {
		w.BeginList()
		w.Uint(math.MaxUint64)
		w.NegInt(math.MaxUint64)
		w.Int(-7)
		for _, f := range []float64{1, -0.5, 1e300, math.Inf(-1), math.NaN(), math.Copysign(0, -1)} {
			w.Float(f)
		}
		w.String("a\"\\\n")
		w.End()
	})
	want := `[18446744073709551615, -18446744073709551616, -7, 1.0, -0.5, 1e+300, -Inf, NaN, -0.0, "a\"\\\u000a"]`
	if got := Dump(table, nil); got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
	if got := Dump([]byte("x"), nil); !strings.HasPrefix(got, "!") {
		t.Errorf("no table gives %s", got)
	}
}
