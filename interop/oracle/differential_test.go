package oracle

import (
	"bytes"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/abi"
)

// sample has every kind of value and both forms of keys.
const sample = "d0:le" + "1:\x002:\x00\xff" + "4:datad4:infoi-18446744073709551616e4:listli0e3:\xff\x00\x801:aee" +
	"2:é3:☃" + "3:\xff\xfe\xfdi18446744073709551615e" + "e"

func nested(open, inner, shut string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
}

// edges are blocks at the edges of the format, and what has to come of them: taken, refused, or a row of the table of
// differences.
var edges = []struct{ name, block, want string }{
	{"integer", "i42e", "taken"},
	{"zero", "i0e", "taken"},
	{"negative", "i-1e", "taken"},
	{"minus zero", "i-0e", "refused"},
	{"leading zero", "i03e", "refused"},
	{"two zeros", "i00e", "refused"},
	{"negative leading zero", "i-03e", "refused"},
	{"no digits", "ie", "refused"},
	{"only a minus", "i-e", "refused"},
	{"two minuses", "i--1e", "refused"},
	{"minus inside", "i1-1e", "refused"},
	{"plus", "i+1e", "refused"},
	{"space", "i 1e", "refused"},
	{"underscore", "i1_0e", "refused"},
	{"hexadecimal", "i0x10e", "refused"},
	{"fraction", "i1.5e", "refused"},
	{"2^63-1", "i9223372036854775807e", "taken"},
	{"2^63", "i9223372036854775808e", "taken"},
	{"-2^63", "i-9223372036854775808e", "taken"},
	{"-2^63-1", "i-9223372036854775809e", "taken"},
	{"2^64-1", "i18446744073709551615e", "taken"},
	{"2^64", "i18446744073709551616e", rowInteger},
	{"-2^64", "i-18446744073709551616e", "taken"},
	{"-2^64-1", "i-18446744073709551617e", rowInteger},
	{"2^64 with a zero more", "i184467440737095516160e", rowInteger},
	{"-2^64 with a zero more", "i-184467440737095516160e", rowInteger},
	{"2^128", "i340282366920938463463374607431768211456e", rowInteger},
	{"a thousand digits", "i" + strings.Repeat("9", 1000) + "e", rowInteger},
	{"leading zeros and huge", "i0" + strings.Repeat("9", 30) + "e", "refused"},
	{"huge, then a letter", "i" + strings.Repeat("9", 30) + "xe", "refused"},
	{"huge inside data", "d1:ali36893488147419103232eee", rowInteger},
	{"huge and not ended", "li36893488147419103232e", "refused"},

	{"empty string", "0:", "taken"},
	{"string", "4:spam", "taken"},
	{"string of NUL", "1:\x00", "taken"},
	{"string that looks like more", "6:1:ai1e", "taken"},
	{"not UTF-8", "2:\xff\xfe", rowBytes},
	{"overlong UTF-8", "2:\xc0\x80", rowBytes},
	{"surrogate", "3:\xed\xa0\x80", rowBytes},
	{"above U+10FFFF", "4:\xf4\x90\x80\x80", rowBytes},
	{"cut inside a character", "2:\xe2\x98", rowBytes},
	{"length with leading zero", "01:a", "refused"},
	{"length of two zeros", "00:", "refused"},
	{"negative length", "-1:a", "refused"},
	{"length with plus", "+1:a", "refused"},
	{"length with space", "1 :a", "refused"},
	{"no length", ":a", "refused"},
	{"no colon", "1a", "refused"},
	{"only a length", "1", "refused"},
	{"too long by one", "5:spam", "refused"},
	{"length 2^31", "2147483648:a", "refused"},
	{"length 2^32", "4294967296:", "refused"},
	{"length 2^32 and one", "4294967297:a", "refused"},
	{"length 2^63", "9223372036854775808:a", "refused"},
	{"length 2^64 and one", "18446744073709551617:a", "refused"},
	{"length of a hundred digits", strings.Repeat("1", 100) + ":a", "refused"},

	{"empty list", "le", "taken"},
	{"empty dictionary", "de", "taken"},
	{"list of all", "li1e1:aledee", "taken"},
	{"list not ended", "l", "refused"},
	{"dictionary not ended", "d", "refused"},
	{"only an end", "e", "refused"},
	{"empty key", "d0:i1ee", "taken"},
	{"sorted", "d1:ai1e2:aai2e1:bi3ee", "taken"},
	{"sorted as bytes and not as characters", "d4:\xf0\x90\x80\x80i1e3:\xef\xbf\xbdi2ee", "refused"},
	{"not sorted", "d1:bi1e1:ai2ee", "refused"},
	{"longer key first", "d2:aai1e1:ai2ee", "refused"},
	{"key twice", "d1:ai1e1:ai1ee", "refused"},
	{"empty key twice", "d0:i1e0:i1ee", "refused"},
	{"key twice with others between", "d1:ai1e1:bi1e1:ai1ee", "refused"},
	{"key is an integer", "di1ei1ee", "refused"},
	{"key is a list", "dlei1ee", "refused"},
	{"no value", "d1:ae", "refused"},
	{"no value for the second key", "d1:ai1e1:be", "refused"},

	{"key not UTF-8", "d2:\xff\xfei1ee", rowKey},
	{"key begins with NUL", "d1:\x00i1ee", rowKey},
	{"NUL inside a key", "d2:a\x00i1ee", "taken"},
	{"key that reads like the second form", "d3:\x00ffi1ee", rowKey},
	{"key and its second form", "d3:\x00ffi1e1:\xffi2ee", rowKey},
	{"NUL keys not sorted", "d2:\x00\x00i1e1:\x00i2ee", "refused"},
	{"raw keys not sorted", "d1:\xffi1e1:\xfei2ee", "refused"},
	{"raw key twice", "d1:\xffi1e1:\xffi2ee", "refused"},
	{"plain between raw", "d1:\x00i0e1:ai1e1:\x80i2e2:éi3e1:\xffi4ee", rowKey},

	{"empty block", "", "refused"},
	{"trailing newline", "de\n", "refused"},
	{"trailing NUL", "i1e\x00", "refused"},
	{"two values", "i1ei2e", "refused"},
	{"end too many", "lee", "refused"},
	{"another letter", "x", "refused"},
	{"capital", "I1e", "refused"},
	{"leading space", " i1e", "refused"},

	{"lists 1024 deep", nested("l", "", "e", maxDepth), "taken"},
	{"lists 1025 deep", nested("l", "", "e", maxDepth+1), rowDepth},
	{"dictionaries 1024 deep", nested("d1:a", "i1e", "e", maxDepth), "taken"},
	{"dictionaries 1025 deep", nested("d1:a", "i1e", "e", maxDepth+1), rowDepth},
	{"100,000 deep", nested("l", "", "e", 100_000), rowDepth},
	{"100,000 deep and not ended", nested("l", "", "", 100_000), "refused"},
	{"huge integer at the bottom", nested("l", "i36893488147419103232e", "e", maxDepth), rowInteger},
	{"huge integer below the bottom", nested("l", "i36893488147419103232e", "e", maxDepth+1), rowDepth},
	{"1024 deep, often", "l" + strings.Repeat(nested("l", "", "e", maxDepth-1), 100) + "e", "taken"},
}

func TestDifferential(t *testing.T) {
	c := open(t)
	for _, tt := range edges {
		taken, rows, err := hold(t.Context(), c, []byte(tt.block))
		got := strings.Join(rows, " ")
		if got == "" {
			got = map[bool]string{true: "taken", false: "refused"}[taken]
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, expected %s; %v", tt.name, got, tt.want, err)
		}
	}
}

// TestDamagedSample cuts, replaces and repeats at every offset of a block.
func TestDamagedSample(t *testing.T) {
	c := open(t)
	if taken, _, err := hold(t.Context(), c, []byte(sample)); err != nil || !taken {
		t.Fatalf("taken: %v, %v", taken, err)
	}
	for i := range len(sample) {
		if taken, _, err := hold(t.Context(), c, []byte(sample[:i])); err != nil || taken {
			t.Errorf("the first %d bytes: taken: %v, %v", i, taken, err)
		}
		if _, _, err := hold(t.Context(), c, []byte(sample[:i]+sample[i+1:])); err != nil {
			t.Errorf("without byte %d: %v", i, err)
		}
		for b := range 256 {
			block := []byte(sample)
			block[i] = byte(b)
			if _, _, err := hold(t.Context(), c, block); err != nil {
				t.Errorf("byte %d as %#x: %v", i, b, err)
			}
		}
	}
}

// TestKeysNoOracleHas: keys of the data model that begin with U+0000 and that decode never gives are refused.
func TestKeysNoOracleHas(t *testing.T) {
	c := open(t)
	for key, want := range map[string]string{
		"\x00ff": "\xff", "\x0000": "\x00", "\x0000ff": "\x00\xff", "\x00c3a9ff": "é\xff", "a\x00": "a\x00", // as spelled by COD-33
		"\x00": "", "\x00f": "", "\x00fff": "", "\x00FF": "", "\x00fg": "", "\x00\x00": "", "\x00é": "", // not hexadecimal of whole bytes
		"\x0061": "", "\x00c3a9": "", // keys that need no second form
	} {
		n := must(qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) { qp.MapEntry(m, key, qp.Int(1)) }))
		got, err := c.Encode(t.Context(), n, nil)
		if want == "" {
			if status, ok := refusal(err); !ok || status != abi.StatusInvalid {
				t.Errorf("%q: %q, %v", key, got, err)
			}
			continue
		}
		if block := must(bencode.Marshal(map[string]any{want: 1})); err != nil || !bytes.Equal(got, block) {
			t.Errorf("%q: %q (%v), expected %q", key, got, err, block)
		}
	}
}

// TestKeyOrders: the order that keys come in does not show in the block, and is not that of their second forms.
func TestKeyOrders(t *testing.T) {
	c := open(t)
	keys := []string{"", "\x00", "\x01", "a", "\x80", "é", "\xff\x00"}
	var arrange func(chosen, left []string)
	arrange = func(chosen, left []string) {
		m := map[string]any{}
		for _, k := range chosen {
			m[k] = "of " + k
		}
		n := toNode(m, func(map[string]any) []string { return chosen })
		got, err := c.Encode(t.Context(), n, nil)
		if want := must(bencode.Marshal(m)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("keys %q: %q (%v), expected %q", chosen, got, err, want)
		}
		for i, k := range left {
			arrange(append(slices.Clone(chosen), k), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	arrange(nil, keys)
}

// TestEncodeBigIntegers: what is above int64 is a node of its own kind in Go.
func TestEncodeBigIntegers(t *testing.T) {
	c := open(t)
	for _, v := range []uint64{0, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		got, err := c.Encode(t.Context(), basicnode.NewUint(v), nil)
		if want := must(bencode.Marshal(new(big.Int).SetUint64(v))); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d: %q (%v), expected %q", v, got, err, want)
		}
	}
}

// TestEncodeRefusals: the kinds that bencode does not have are refused by name, wherever they are.
func TestEncodeRefusals(t *testing.T) {
	c := open(t)
	for kind, n := range map[string]datamodel.Node{
		"null":  datamodel.Null,
		"bool":  basicnode.NewBool(false),
		"float": basicnode.NewFloat(1),
		"link":  basicnode.NewLink(cidlink.Link{Cid: iprt.Builtin().Modules["bencode"].CID}),
	} {
		for _, n := range []datamodel.Node{n, listOf(n)} {
			got, err := c.Encode(t.Context(), n, nil)
			if status, ok := refusal(err); !ok || status != abi.StatusInvalid || !strings.Contains(err.Error(), "no "+kind) {
				t.Errorf("%s: %q, %v", kind, got, err)
			}
		}
	}
	// The oracle refuses floats too, and what it writes for the other two is row BEN-5.
	for _, tt := range []struct {
		value any
		want  string
	}{{nil, ""}, {false, "i0e"}, {true, "i1e"}} {
		if got, err := bencode.Marshal(tt.value); err != nil || string(got) != tt.want {
			t.Errorf("%v: the oracle writes %q (%v), expected %q", tt.value, got, err, tt.want)
		}
	}
	if got, err := bencode.Marshal(1.0); err == nil {
		t.Errorf("the oracle writes %q for a float", got)
	}
}

func listOf(n datamodel.Node) datamodel.Node {
	return must(qp.BuildList(basicnode.Prototype.Any, 1, func(l datamodel.ListAssembler) { qp.ListEntry(l, qp.Node(n)) }))
}
