package oracle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/anacrolix/torrent/bencode"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind"
)

// The rows of the table of differences in spec/codecs.md.
const (
	rowInteger = "BEN-1" // an integer outside −2^64 to 2^64−1
	rowDepth   = "BEN-2" // nested deeper than 1,024
	rowBytes   = "BEN-3" // a byte string that is not UTF-8
	rowKey     = "BEN-4" // a key in the second form
	rowEncode  = "BEN-5" // to encode null or a bool
)

const maxDepth = 1024 // COD-5

var minInt, maxInt = new(big.Int).Lsh(big.NewInt(-1), 64), new(big.Int).SetUint64(1<<64 - 1) // COD-30

// hold is the differential rule for one block: both refuse it, or both take it with equal data and equal encodings. It
// returns whether the codec took it and the rows under which the two differ all the same, or an error: a difference that
// no row explains.
func hold(ctx context.Context, c *ipldbind.Codec, block []byte) (taken bool, rows []string, _ error) {
	v, oracleErr := decode(block)
	n, err := c.Decode(ctx, block, nil)
	if err != nil {
		rows, err = holdRefusal(err, v, oracleErr)
		return false, rows, err
	}
	if oracleErr != nil {
		return true, nil, fmt.Errorf("the codec takes what the oracle refuses: %w", oracleErr)
	}
	if err := same(n, v, func(row string) { rows = append(rows, row) }); err != nil {
		return true, nil, fmt.Errorf("data differs: %w", err)
	}
	if again, err := c.Encode(ctx, n, nil); err != nil || !bytes.Equal(again, block) {
		return true, nil, fmt.Errorf("what was decoded encodes to %q, %v", again, err)
	}
	if again, err := bencode.Marshal(v); err != nil || !bytes.Equal(again, block) {
		return true, nil, fmt.Errorf("the oracle encodes to %q, %v", again, err)
	}
	if links, err := c.Links(ctx, block, nil); err != nil || len(links) != 0 {
		return true, nil, fmt.Errorf("links %v, %v", links, err)
	}
	slices.Sort(rows)
	return true, slices.Compact(rows), nil
}

// holdRefusal explains why the codec refused a block.
func holdRefusal(err error, v any, oracleErr error) ([]string, error) {
	status, ok := refusal(err)
	if !ok {
		return nil, err
	}
	if oracleErr != nil {
		return nil, nil
	}
	depth, small := measure(v)
	switch {
	case status == abi.StatusLimit && depth > maxDepth:
		return []string{rowDepth}, nil
	case status == abi.StatusInvalid && !small:
		return []string{rowInteger}, nil
	}
	return nil, fmt.Errorf("the codec refuses what the oracle takes: %w", err)
}

// refusal is the status with which the codec refused data. Anything else that goes wrong is a fault and no refusal.
func refusal(err error) (abi.Status, bool) {
	var e *host.CallError
	if !errors.As(err, &e) || e.Text == "" {
		return 0, false
	}
	return e.Status, e.Status == abi.StatusInvalid || e.Status == abi.StatusLimit
}

func decode(block []byte) (v any, err error) {
	err = bencode.Unmarshal(block, &v)
	return v, err
}

// measure tells how deep v is nested, and whether its integers are those that the codec takes.
func measure(v any) (depth int, small bool) {
	small = true
	in := func(item any) {
		d, s := measure(item)
		depth, small = max(depth, d), small && s
	}
	switch v := v.(type) {
	case *big.Int:
		return 0, v.Cmp(minInt) >= 0 && v.Cmp(maxInt) <= 0
	case []any:
		for _, item := range v {
			in(item)
		}
		depth++
	case map[string]any:
		for _, item := range v {
			in(item)
		}
		depth++
	}
	return depth, small
}
