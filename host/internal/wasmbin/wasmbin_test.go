package wasmbin_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/iprt/iprt/host/internal/wasmbin"
	w "github.com/iprt/iprt/internal/wasmtest"
)

func TestUnsigned(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want uint32
		ok   bool
	}{
		{[]byte{0}, 0, true},
		{[]byte{0x7f}, 127, true},
		{[]byte{0x80, 0x01}, 128, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x00}, 0, true}, // padding within five bytes is allowed
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, math.MaxUint32, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x1f}, 0, false},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, false},
		{[]byte{0x80}, 0, false},
		{nil, 0, false},
	} {
		r := wasmbin.NewReader(c.in, 100)
		if got := r.U32(); got != c.want || (r.Err() == nil) != c.ok {
			t.Errorf("% x: %d, %v", c.in, got, r.Err())
		}
	}
}

func TestSigned(t *testing.T) {
	for _, c := range []struct {
		bits uint
		in   []byte
		want int64
		ok   bool
	}{
		{32, []byte{0x7f}, -1, true},
		{32, []byte{0x40}, -64, true},
		{32, []byte{0xff, 0xff, 0xff, 0xff, 0x07}, math.MaxInt32, true},
		{32, []byte{0x80, 0x80, 0x80, 0x80, 0x78}, math.MinInt32, true},
		{32, []byte{0xff, 0xff, 0xff, 0xff, 0x7f}, -1, true},
		{32, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 0, false}, // sign bit without its repetition
		{32, []byte{0x80, 0x80, 0x80, 0x80, 0x70}, 0, false},
		{32, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, false},
		{33, []byte{0x80, 0x80, 0x80, 0x80, 0x70}, -1 << 32, true},
		{33, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, math.MaxUint32, true},
		{33, []byte{0x80, 0x80, 0x80, 0x80, 0x10}, 0, false},
		{64, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, math.MinInt64, true},
		{64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}, math.MaxInt64, true},
		{64, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 0, false},
	} {
		r := wasmbin.NewReader(c.in, 0)
		if got := r.Signed(c.bits); got != c.want || (r.Err() == nil) != c.ok {
			t.Errorf("s%d % x: %d, %v", c.bits, c.in, got, r.Err())
		}
	}
}

func TestIntegersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint32().Draw(t, "u"), rapid.Int64().Draw(t, "i")
		r := wasmbin.NewReader(w.Cat(wasmbin.AppendU32(nil, u), w.S64(i), w.S32(int32(i)), w.U64(uint64(i))), 0)
		if r.U32() != u || r.Signed(64) != i || r.Signed(32) != int64(int32(i)) || r.U64() != uint64(i) || !r.Done() {
			t.Fatalf("%d %d: %v", u, i, r.Err())
		}
		if !bytes.Equal(wasmbin.AppendU32(nil, u), w.U32(u)) {
			t.Fatal(u)
		}
	})
}

// After an error the reader returns zeros and keeps the first error, with the offset in the module.
func TestErrorsStick(t *testing.T) {
	r := wasmbin.NewReader([]byte{1, 2, 3}, 1000)
	r.Byte()
	if r.Bytes(3) != nil {
		t.Error("read past the end")
	}
	var e *wasmbin.Error
	if !errors.As(r.Err(), &e) || e.Offset != 1001 || e.Fault != wasmbin.Truncated || e.Value != 3 || e.Limit != 2 {
		t.Fatalf("%+v", r.Err())
	}
	if r.Byte() != 0 || r.U32() != 0 || r.Signed(32) != 0 || r.Name() != "" || r.Count(1, "x") != 0 || r.Limits() != (wasmbin.Limits{}) || !r.Done() {
		t.Error("reads on after an error")
	}
	r.ConstExpr()
	r.ValType()
	if r.Err() != error(e) {
		t.Errorf("another error: %v", r.Err())
	}
}

func TestRewriteCopies(t *testing.T) {
	in := w.Codec(w.CustomSection("name", nil))
	same := func(s wasmbin.Section) ([]byte, bool, error) { return s.Body, true, nil }
	out, err := wasmbin.Rewrite(in, nil, same)
	if err != nil || !bytes.Equal(in, out) {
		t.Errorf("%v, %d bytes of %d", err, len(out), len(in))
	}
	if _, err := wasmbin.Rewrite(in[:len(in)-1], nil, same); err == nil {
		t.Error("rewrote a module that was cut")
	}
	long := w.Raw(w.Cat([]byte{w.SecMemory}, w.LongU32(4, 5), w.LongU32(1, 2), w.Limits(1, -1)))
	out, err = wasmbin.Rewrite(long, nil, func(s wasmbin.Section) ([]byte, bool, error) {
		b, err := wasmbin.EditLimits(s, func(l wasmbin.Limits) wasmbin.Limits { l.HasMax, l.Max = true, 300; return l })
		return b, true, err
	})
	if want := w.Raw(w.Section(w.SecMemory, w.Vec(w.Limits(1, 300)))); err != nil || !bytes.Equal(out, want) {
		t.Errorf("% x, %v", out, err)
	}
}

func TestCleanNames(t *testing.T) {
	assoc := func(i uint32, name string) []byte { return w.Cat(w.U32(i), w.Name(name)) }
	funcs := func(items ...[]byte) []byte { return w.Section(1, w.Vec(items...)) }
	good := funcs(assoc(0, "a"), assoc(2, "c"))
	for _, c := range []struct {
		name     string
		in, want []byte
	}{
		{"good", good, good},
		{"other subsections go", w.Cat(w.Section(0, w.Name("module")), good, w.Section(2, w.U32(1<<31)), w.Section(99, []byte{1})), good},
		{"long form", w.Section(1, w.LongU32(1, 3), w.LongU32(2, 5), w.LongU32(1, 2), []byte("c")), funcs(assoc(2, "c"))},
		{"long name", funcs(assoc(0, strings.Repeat("é", 400))), funcs(assoc(0, strings.Repeat("é", 256)))},
		{"long name, cut before a character", funcs(assoc(0, "x"+strings.Repeat("é", 400))), funcs(assoc(0, "x"+strings.Repeat("é", 255)))},
		{"empty", nil, nil},
		{"module name only", w.Section(0, w.Name("module")), nil},
		{"2^32 names", w.Section(1, w.U32(1<<32-1)), nil},
		{"2^32 names and one", w.Section(1, w.U32(1<<32-1), assoc(0, "a")), nil},
		{"size past the end", []byte{1, 100, 0}, nil},
		{"bytes after the names", w.Section(1, w.Vec(assoc(0, "a")), []byte{0}), nil},
		{"descending", funcs(assoc(2, "c"), assoc(0, "a")), nil},
		{"twice", funcs(assoc(1, "b"), assoc(1, "b")), nil},
		{"two subsections", w.Cat(good, good), nil},
		{"function that is not there", funcs(assoc(3, "d")), nil},
		{"not UTF-8", funcs(assoc(0, "\xff")), nil},
	} {
		got, ok := wasmbin.CleanNames(wasmbin.Section{Body: c.in}, 3)
		if ok != (c.want != nil) || !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, %v; want % x", c.name, got, ok, c.want)
		}
	}
}

func FuzzCleanNames(f *testing.F) {
	f.Add([]byte{1, 4, 1, 0, 1, 'a'}, uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		got, ok := wasmbin.CleanNames(wasmbin.Section{Body: b}, uint64(n))
		if len(got) > len(b) {
			t.Fatalf("%d bytes of %d", len(got), len(b))
		}
		if again, ok2 := wasmbin.CleanNames(wasmbin.Section{Body: got}, uint64(n)); ok && (!ok2 || !bytes.Equal(got, again)) {
			t.Fatalf("% x is not clean: % x", got, again)
		}
	})
}
