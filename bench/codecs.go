package main

import (
	"bytes"
	"context"
	"fmt"
	"reflect"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

const native = "go-ipld-prime dagcbor"

// codecPairs measures DAG-CBOR through the module against the native decoder
// and encoder. An aim is the ratio that we want to reach.
func (s *subjects) codecPairs(ctx context.Context) ([]pair, error) {
	blocks := []struct {
		name                    string
		into                    datamodel.NodePrototype // basicnode of the kind; Prototype.Any would take the view as it is
		make                    func() (datamodel.Node, []byte, error)
		toBasic, toView, encode float64
	}{
		{"1 KiB map", basicnode.Prototype.Map, func() (datamodel.Node, []byte, error) { return mapBlock(1 << 10) }, 0.5, 0.3, 0.6},
		{"256 KiB map", basicnode.Prototype.Map, func() (datamodel.Node, []byte, error) { return mapBlock(256 << 10) }, 0.5, 0.15, 0.6},
		{"1 MiB bytes", basicnode.Prototype.Bytes, func() (datamodel.Node, []byte, error) { return leafBlock(1 << 20) }, 0.2, 0.2, 5},
	}
	var pairs []pair
	for _, blk := range blocks {
		node, block, err := blk.make()
		if err != nil {
			return nil, err
		}
		if err := s.agree(ctx, node, block, blk.into); err != nil {
			return nil, fmt.Errorf("%s: %w", blk.name, err)
		}
		pairs = append(pairs,
			pair{name: "decode to basicnode, " + blk.name, peer: native, aim: blk.toBasic, ours: s.decodeBasic(ctx, block, blk.into), base: nativeDecode(block, blk.into)},
			pair{name: "decode to view and walk, " + blk.name, peer: native + " + walk", aim: blk.toView, ours: s.decodeView(ctx, block), base: nativeDecodeWalk(block, blk.into)},
			pair{name: "encode to kept buffer, " + blk.name, peer: native, aim: blk.encode, ours: s.encodeKept(ctx, node), base: nativeEncodeKept(node)},
			pair{name: "encode to new buffer, " + blk.name, peer: native, aim: blk.encode, ours: s.encodeNew(ctx, node), base: nativeEncodeNew(node)},
		)
	}
	return pairs, nil
}

// agree makes sure that both sides do the same work.
func (s *subjects) agree(ctx context.Context, want datamodel.Node, block []byte, into datamodel.NodePrototype) error {
	view, err := s.cbor.Decode(ctx, block, nil)
	if err != nil {
		return err
	}
	nb := into.NewBuilder()
	if err := s.cbor.DecodeInto(ctx, block, nil, nb); err != nil {
		return err
	}
	basic := nb.Build()
	if !datamodel.DeepEqual(view, want) || !datamodel.DeepEqual(basic, want) {
		return fmt.Errorf("the module decodes another node than was encoded")
	}
	if reflect.TypeOf(basic) == reflect.TypeOf(view) {
		return fmt.Errorf("decoding into %T gave the view", nb)
	}
	again, err := s.cbor.Encode(ctx, want, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, block) {
		return fmt.Errorf("the module encodes other bytes than go-ipld-prime")
	}
	return nil
}

func (s *subjects) decodeBasic(ctx context.Context, block []byte, into datamodel.NodePrototype) func() error {
	return func() error {
		nb := into.NewBuilder()
		err := s.cbor.DecodeInto(ctx, block, nil, nb)
		_ = nb.Build()
		return err
	}
}

func (s *subjects) decodeView(ctx context.Context, block []byte) func() error {
	return func() error {
		n, err := s.cbor.Decode(ctx, block, nil)
		if err != nil {
			return err
		}
		return walk(n)
	}
}

func nativeDecode(block []byte, into datamodel.NodePrototype) func() error {
	return func() error {
		nb := into.NewBuilder()
		err := dagcbor.Decode(nb, bytes.NewReader(block))
		_ = nb.Build()
		return err
	}
}

func nativeDecodeWalk(block []byte, into datamodel.NodePrototype) func() error {
	return func() error {
		nb := into.NewBuilder()
		if err := dagcbor.Decode(nb, bytes.NewReader(block)); err != nil {
			return err
		}
		return walk(nb.Build())
	}
}

func (s *subjects) encodeKept(ctx context.Context, n datamodel.Node) func() error {
	var block []byte
	return func() (err error) {
		block, err = s.cbor.AppendEncode(ctx, block[:0], n, nil)
		return err
	}
}

func nativeEncodeKept(n datamodel.Node) func() error {
	var w bytes.Buffer
	return func() error {
		w.Reset()
		return dagcbor.Encode(n, &w)
	}
}

func (s *subjects) encodeNew(ctx context.Context, n datamodel.Node) func() error {
	return func() error {
		_, err := s.cbor.Encode(ctx, n, nil)
		return err
	}
}

func nativeEncodeNew(n datamodel.Node) func() error {
	return func() error {
		var w bytes.Buffer
		return dagcbor.Encode(n, &w)
	}
}

// walk reads every value of a node, as a consumer would.
func walk(n datamodel.Node) (err error) {
	switch n.Kind() {
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return err
			}
			if _, err := k.AsString(); err != nil {
				return err
			}
			if err := walk(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, v, err := it.Next()
			if err != nil {
				return err
			}
			if err := walk(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_Bool:
		_, err = n.AsBool()
	case datamodel.Kind_Int:
		_, err = n.AsInt()
	case datamodel.Kind_Float:
		_, err = n.AsFloat()
	case datamodel.Kind_String:
		_, err = n.AsString()
	case datamodel.Kind_Bytes:
		_, err = n.AsBytes()
	case datamodel.Kind_Link:
		_, err = n.AsLink()
	}
	return err
}
