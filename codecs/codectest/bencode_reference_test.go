package codectest_test

import (
	"encoding/hex"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// bencode is the encoder in a few lines of Go, for data that bencode can hold.
func bencode(b []byte, n datamodel.Node) []byte {
	bytesOf := func(b []byte, s string) []byte {
		return append(append(b, big.NewInt(int64(len(s))).String()+":"...), s...)
	}
	switch n.Kind() {
	case datamodel.Kind_Int:
		return append(append(append(b, 'i'), must(table.BigInt(n)).String()...), 'e')
	case datamodel.Kind_String:
		return bytesOf(b, must(n.AsString()))
	case datamodel.Kind_Bytes:
		return bytesOf(b, string(must(n.AsBytes())))
	case datamodel.Kind_List:
		b = append(b, 'l')
		for i := range n.Length() {
			b = bencode(b, must(n.LookupByIndex(i)))
		}
	case datamodel.Kind_Map:
		b = append(b, 'd')
		type entry struct {
			key   string
			value datamodel.Node
		}
		var entries []entry
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			key := must(must(k, err).AsString())
			if strings.HasPrefix(key, "\x00") {
				key = string(must(hex.DecodeString(key[1:])))
			}
			entries = append(entries, entry{key, v})
		}
		slices.SortFunc(entries, func(x, y entry) int { return strings.Compare(x.key, y.key) })
		for _, e := range entries {
			b = bencode(bytesOf(b, e.key), e.value)
		}
	}
	return append(b, 'e')
}

var (
	bencodeInt    = regexp.MustCompile(`^i(0|-?[1-9][0-9]*)e`)
	bencodeLength = regexp.MustCompile(`^(0|[1-9][0-9]*):`)

	maxBencodeInt = new(big.Int).SetUint64(1<<64 - 1)
	minBencodeInt = new(big.Int).Not(maxBencodeInt) // −2^64
)

// validBencode is the decoder's rules in a few lines of Go.
func validBencode(b []byte) bool {
	rest, _, ok := skipBencode(string(b), 0)
	return ok && rest == ""
}

// skipBencode returns what follows the value at the start of s, and its bytes if it is a byte string.
func skipBencode(s string, depth int) (rest, str string, ok bool) {
	if m := bencodeInt.FindStringSubmatch(s); m != nil {
		i, ok := new(big.Int).SetString(m[1], 10)
		return s[len(m[0]):], "", ok && i.Cmp(maxBencodeInt) <= 0 && i.Cmp(minBencodeInt) >= 0
	}
	if m := bencodeLength.FindStringSubmatch(s); m != nil {
		s = s[len(m[0]):]
		n, err := strconv.Atoi(m[1])
		if err != nil || n > len(s) {
			return "", "", false
		}
		return s[n:], s[:n], true
	}
	if s == "" || s[0] != 'l' && s[0] != 'd' || depth == abi.MaxDepth {
		return "", "", false
	}
	isMap, last := s[0] == 'd', ""
	s = s[1:]
	for i := 0; ; i++ {
		if strings.HasPrefix(s, "e") {
			return s[1:], "", !isMap || i%2 == 0
		}
		isKey := isMap && i%2 == 0
		if isKey && (s == "" || s[0] < '0' || s[0] > '9') {
			return "", "", false
		}
		rest, str, ok := skipBencode(s, depth+1)
		if !ok || isKey && i > 0 && str <= last {
			return "", "", false
		}
		if isKey {
			last = str
		}
		s = rest
	}
}
