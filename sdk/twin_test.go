//go:build !wasip1

package sdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/probe"
	"github.com/iprt/iprt/sdk/sdktest"
)

// An instance is the probe, natively or in Wasm. An error is an *abi.Error for
// a status, anything else for an instance that is gone.
type instance interface {
	decode(block, params []byte) ([]byte, error)
	encode(table []byte) ([]byte, error)
	links(block []byte) ([]byte, error)
	logged() []string
}

// twins runs f on a fresh native instance and on a fresh one in Wasm.
func twins(t *testing.T, f func(t *testing.T, start func() instance)) {
	t.Run("native", func(t *testing.T) {
		f(t, func() instance { return newNative() })
	})
	t.Run("wasm", func(t *testing.T) {
		code := compileProbe(t)
		f(t, func() instance { return newWasm(t, code, nil) })
	})
}

var testConfig = map[string]string{"small": "value", "empty": "", "large": strings.Repeat("x", 10_000)}

type native struct {
	host *sdktest.Host
	*sdktest.Codec
}

func newNative() native {
	h := &sdktest.Host{Config: testConfig}
	return native{h, h.Codec(probe.Codec{})}
}

func (n native) decode(block, params []byte) ([]byte, error) { return n.Decode(block, params) }
func (n native) encode(table []byte) ([]byte, error)         { return n.Encode(table, nil) }
func (n native) links(block []byte) ([]byte, error)          { return n.Links(block, nil) }

func (n native) logged() []string {
	var lines []string
	for _, e := range n.host.Log {
		lines = append(lines, e.Level.String()+": "+e.Text)
	}
	return lines
}

func TestDecode(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		i := start()
		for _, tt := range []struct{ block, params, want string }{
			{"echo", "", "[b'6563686f', b'']"},
			{"echo 1", "p", "[b'6563686f2031', b'70']"},
			{"garbage", "", "b'67617262616765'"},
			{"garbage", "p", "b'67617262616765'"},
			{"config small", "", "b'76616c7565'"},
			{"config empty", "", "b''"},
			{"config large", "", "b'" + strings.Repeat("78", 10_000) + "'"},
			{"links", "", `{"b": link'01550000', "a": [link'01710000', link'01550000']}`},
		} {
			for range 3 { // buffers are used again
				table, err := i.decode([]byte(tt.block), []byte(tt.params))
				if err != nil {
					t.Fatalf("%s: %v", tt.block, err)
				}
				if got := sdktest.Dump(table, []byte(tt.block)); got != tt.want {
					t.Errorf("%s: got %s, expected %s", tt.block, got, tt.want)
				}
			}
		}
	})
}

func TestEncode(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		i := start()
		for _, want := range []string{"", "a", strings.Repeat("block", 20_000), "b"} {
			table := sdktest.Table(func(w *abi.TableWriter) { w.Bytes([]byte(want)) })
			if got, err := i.encode(table); err != nil || string(got) != want {
				t.Errorf("got %d bytes (%v), expected %d", len(got), err, len(want))
			}
		}
		_, err := i.encode(sdktest.Table(func(w *abi.TableWriter) { w.Bool(true) }))
		if !errors.Is(err, abi.StatusInvalid) || err.Error() != "a bool, expected bytes" {
			t.Errorf("got %v", err)
		}
	})
}

func TestLinks(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		i := start()
		for block, want := range map[string]string{
			"links": "[link'01550000', link'01710000', link'01550000']",
			"echo":  "[]",
		} {
			table, err := i.links([]byte(block))
			if err != nil {
				t.Fatal(err)
			}
			if got := sdktest.Dump(table, []byte(block)); got != want {
				t.Errorf("got %s, expected %s", got, want)
			}
		}
	})
}

func TestLog(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		i := start()
		if _, err := i.decode([]byte("log hello"), nil); err != nil {
			t.Fatal(err)
		}
		want := "debug: hello, info: hello, warn: hello, error: hello"
		if got := strings.Join(i.logged(), ", "); got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
	})
}

func TestStatus(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		i := start()
		for _, tt := range []struct {
			block  string
			status abi.Status
			text   string
		}{
			{"plain words", abi.StatusInvalid, "words"},
			{"status gone", abi.StatusNotFound, "gone"},
			{"config none", abi.StatusNotFound, "config none: NOT_FOUND"},
			{"long", abi.StatusInvalid, strings.Repeat("é", 512)},
			{"binary", abi.StatusInvalid, "a\uFFFDb"},
			{"nothing", abi.StatusInvalid, "token table: empty"},
			{"wrong-table", abi.StatusInvalid, "an error that says OK"},
			{"?", abi.StatusUnsupported, `no verb "?"`},
			{"", abi.StatusUnsupported, `no verb ""`},
		} {
			_, err := i.decode([]byte(tt.block), nil)
			var e *abi.Error
			if !errors.As(err, &e) || e.Status != tt.status || e.Text != tt.text {
				t.Errorf("%s: got %v, expected %s: %s", tt.block, err, tt.status, tt.text)
			}
		}
		if _, err := i.decode([]byte("echo"), nil); err != nil {
			t.Errorf("the instance is not usable after failures: %v", err)
		}
	})
}

func TestPanicsEndTheInstance(t *testing.T) {
	twins(t, func(t *testing.T, start func() instance) {
		for block, text := range map[string]string{
			"panic at once": "panic: at once",
			"nil":           "panic: runtime error: invalid memory address or nil pointer dereference",
			"index 1":       "panic: runtime error: slice bounds out of range [:2] with length 1",
			"goexit":        "the call ended its goroutine",
		} {
			i := start()
			_, err := i.decode([]byte(block), nil)
			var status *abi.Error
			if err == nil || errors.As(err, &status) || !errors.Is(err, abi.StatusInternal) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: got %v, expected the end of the instance with %q", block, err, text)
			}
		}
	})
}
