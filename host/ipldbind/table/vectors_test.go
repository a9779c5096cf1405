package table_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/spec"
)

// TestVectors runs the vectors of the specification; loading them fails if any are missing. What a view shows is compared with the data that
// the vector names.
func TestVectors(t *testing.T) {
	vectors, err := spec.Vectors("tokens")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			if v.Header["encode"] == "yes" && v.Expect != "ok" {
				t.Skip("hosts make encode tables and never check them")
			}
			tab, err := table.Parse(v.Body, block(t, v), table.Limits{})
			if got := class(err); got != v.Expect {
				t.Fatalf("got %s (%v), expected %s: %s", got, err, v.Expect, v.About)
			}
			if err != nil {
				return
			}
			if want, ok := v.Header["gives"]; ok && dump(tab.Root()) != want {
				t.Errorf("got %s, expected %s", dump(tab.Root()), want)
			}
			built, err := table.Build(tab.Root())
			if err != nil {
				t.Fatal(err)
			}
			if err := abi.CheckTable(built, nil); err != nil {
				t.Errorf("the encode table made of the view: %v", err)
			}
			if v.Header["encode"] == "yes" && !bytes.Equal(built, v.Body) {
				t.Errorf("the encode table made of the view is %x", built)
			}
		})
	}
}

func block(t *testing.T, v spec.Vector) []byte {
	if zeros := v.Header["block-zeros"]; zeros != "" {
		n, err := strconv.Atoi(zeros)
		if err != nil {
			t.Fatal(err)
		}
		return make([]byte, n)
	}
	b, err := v.Hex("block")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, abi.StatusInvalid):
		return "invalid"
	case errors.Is(err, abi.StatusLimit):
		return "limit"
	}
	return err.Error()
}

// dump writes a node as the vectors do.
func dump(n datamodel.Node) string {
	var items []string
	switch n.Kind() {
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return err.Error()
			}
			items = append(items, dump(k)+": "+dump(v))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, v, err := it.Next()
			if err != nil {
				return err.Error()
			}
			items = append(items, dump(v))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return dumpScalar(n)
}

func dumpScalar(n datamodel.Node) string {
	switch n.Kind() {
	case datamodel.Kind_Null:
		return "null"
	case datamodel.Kind_Bool:
		return show(n.AsBool())
	case datamodel.Kind_Int:
		return show[*big.Int](table.BigInt(n))
	case datamodel.Kind_Float:
		f, err := n.AsFloat()
		s := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") && !math.IsNaN(f) && !math.IsInf(f, 0) {
			s += ".0"
		}
		return show(s, err)
	case datamodel.Kind_String:
		s, err := n.AsString()
		return show(`"`+s+`"`, err)
	case datamodel.Kind_Bytes:
		b, err := n.AsBytes()
		return show(fmt.Sprintf("b'%x'", b), err)
	case datamodel.Kind_Link:
		l, err := n.AsLink()
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("link'%x'", l.Binary())
	}
	return "nothing"
}

func show[T any](v T, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}
