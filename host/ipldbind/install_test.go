package ipldbind_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/multicodec"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind"
)

func installed(t *testing.T) (*ipldbind.Codecs, *fake, *store, *linking.LinkSystem) {
	t.Helper()
	s, f, blocks := ipldbind.New(ipldbind.Config{}), newFake("a", 'a'), &store{}
	if err := s.Add(private, ipldbind.NewCodec(private, f, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	lsys := blocks.system()
	s.Install(lsys)
	return s, f, blocks, lsys
}

func TestInstall(t *testing.T) {
	_, f, blocks, lsys := installed(t)
	src := node("a", 1)
	c := blocks.put(private, f.block(src))
	n, err := lsys.Load(linking.LinkContext{}, link(c), basicnode.Prototype.Any)
	if err != nil || !datamodel.DeepEqual(n, src) {
		t.Fatalf("%v, %v", n, err)
	}
	lp := cidlink.LinkPrototype{Prefix: c.Prefix()}
	stored, err := lsys.Store(linking.LinkContext{}, lp, src)
	if err != nil || stored != link(c) {
		t.Errorf("stored as %v, %v", stored, err)
	}
	cbor := blocks.putCBOR(src)
	if n, err = lsys.Load(linking.LinkContext{}, link(cbor), basicnode.Prototype.Any); err != nil || !datamodel.DeepEqual(n, src) {
		t.Errorf("a code of the link system's own: %v, %v", n, err)
	}
	if _, err := lsys.DecoderChooser(link(sum(private+1, nil))); err == nil {
		t.Error("an unknown code has a decoder")
	}
	if _, err := multicodec.DefaultRegistry.LookupDecoder(private); err == nil {
		t.Error("the global registry was changed")
	}
}

// TestInstallBare installs into a link system that has nothing.
func TestInstallBare(t *testing.T) {
	s, f := ipldbind.New(ipldbind.Config{}), newFake("a", 'a')
	if err := s.Add(private, ipldbind.NewCodec(private, f, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	var lsys linking.LinkSystem
	s.Install(&lsys)
	block := f.block(node("a", 1))
	decode, err := lsys.DecoderChooser(link(sum(private, block)))
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(basicnode.Prototype.Any.NewBuilder(), bytes.NewReader(block)); err != nil {
		t.Error(err)
	}
	if _, err := lsys.DecoderChooser(link(sum(cid.Raw, block))); err == nil {
		t.Error("a decoder from nowhere")
	}
	if _, err := lsys.EncoderChooser(cidlink.LinkPrototype{Prefix: cid.Prefix{Codec: cid.Raw}}); err == nil {
		t.Error("an encoder from nowhere")
	}
}

// corrupt is a link system whose storage answers with other bytes than it was asked for.
func corrupt(lsys *linking.LinkSystem, block []byte) {
	lsys.StorageReadOpener = func(linking.LinkContext, datamodel.Link) (io.Reader, error) { return bytes.NewReader(block), nil }
}

// TestUnverifiedBytes serves wrong bytes in every way a block is loaded. None may reach the module.
func TestUnverifiedBytes(t *testing.T) {
	s, f, blocks, lsys := installed(t)
	good := f.block(node("a", 1))
	c := blocks.put(private, good)
	corrupt(lsys, f.block(node("a", 2)))
	load := func(lsys *linking.LinkSystem) error {
		_, err := lsys.Load(linking.LinkContext{}, link(c), basicnode.Prototype.Any)
		return err
	}
	trusted := *lsys
	trusted.TrustedStorage = true
	_, viaLoad := s.Load(t.Context(), lsys, link(c), nil)
	for name, err := range map[string]error{"LinkSystem.Load": load(lsys), "with trusted storage": load(&trusted), "Codecs.Load": viaLoad} {
		var mismatch linking.ErrHashMismatch
		if !errors.As(err, &mismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.calls) != 0 {
		t.Errorf("the module was called with unverified bytes: %x", f.inputs)
	}
}

// TestHostileLinks loads by CIDs whose digest is not one of their hash function. LinkSystem.LoadRaw panics at some.
func TestHostileLinks(t *testing.T) {
	s, f, _, lsys := installed(t)
	block := f.block(node("a", 1))
	corrupt(lsys, block)
	mh := func(code, length byte, digest []byte) cid.Cid {
		return must(cid.Cast(append([]byte{1, 0x81, 0x80, 0xfc, 0x01, code, length}, digest...))) // code 0x3f0001
	}
	digest := sum(private, block).Hash()[2:]
	for name, tt := range map[string]struct {
		c    cid.Cid
		want string
	}{
		"digest longer than its hash": {mh(0x12, 40, append(digest[:32:32], make([]byte, 8)...)), "its hash function makes 32"},
		"empty digest":                {mh(0x12, 0, nil), "too few"},
		"digest of 19 bytes":          {mh(0x12, 19, digest[:19]), "too few"},
		"unknown hash function":       {mh(0x7f, 32, digest), "not available"},
		"identity of other bytes":     {mh(0, 3, []byte("abc")), ""},
		"undefined":                   {cid.Undef, "no CID"},
	} {
		_, err := s.Load(t.Context(), lsys, link(tt.c), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := s.Load(t.Context(), lsys, link(mh(0x12, 20, digest[:20])), nil); err != nil || n.Length() != 1 {
		t.Errorf("a digest cut to 20 bytes: %v", err)
	}
	calls := len(f.calls)
	if n, err := s.Load(t.Context(), lsys, link(mh(0, byte(len(block)), block)), nil); err != nil || n.Length() != 1 {
		t.Errorf("an identity CID: %v", err)
	}
	if len(f.calls) != calls+1 {
		t.Errorf("%d calls, %d of them before", len(f.calls), calls)
	}
}

func TestLoad(t *testing.T) {
	s, f, blocks, lsys := installed(t)
	src := node("a", 1)
	c, cbor := blocks.put(private, f.block(src)), blocks.putCBOR(src)
	for _, c := range []cid.Cid{c, cbor} {
		for _, np := range []datamodel.NodePrototype{nil, basicnode.Prototype.Any, basicnode.Prototype.Map} {
			if n, err := s.Load(t.Context(), lsys, link(c), np); err != nil || !datamodel.DeepEqual(n, src) {
				t.Errorf("%s: %v, %v", c, n, err)
			}
		}
	}
	if _, err := s.Load(t.Context(), lsys, link(sum(private, []byte("missing"))), nil); !errors.Is(err, errMissing) {
		t.Errorf("a missing block: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Load(ctx, lsys, link(c), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	lsys.NodeReifier = func(_ linking.LinkContext, n datamodel.Node, _ *linking.LinkSystem) (datamodel.Node, error) {
		return n.LookupByString("a")
	}
	if n, err := s.Load(t.Context(), lsys, link(c), nil); err != nil || n.Kind() != datamodel.Kind_Int {
		t.Errorf("NodeReifier: %v, %v", n, err)
	}
}

// endless is a block without end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

func TestEndlessBlock(t *testing.T) {
	s, f := ipldbind.New(ipldbind.Config{Limits: ipldbind.Limits{Block: 1 << 16}}), newFake("a", 'a')
	if err := s.Add(private, ipldbind.NewCodec(private, f, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	lsys, src := (&store{}).system(), &endless{}
	s.Install(lsys)
	lsys.StorageReadOpener = func(linking.LinkContext, datamodel.Link) (io.Reader, error) { return src, nil }
	var size *ipldbind.SizeError
	if _, err := s.Load(t.Context(), lsys, link(sum(private, nil)), nil); !errors.As(err, &size) {
		t.Errorf("got %v", err)
	}
	if src.read > 1<<18 {
		t.Errorf("%d bytes were read for a limit of %d", src.read, 1<<16)
	}
	decode := must(lsys.DecoderChooser(link(sum(private, nil))))
	if err := decode(basicnode.Prototype.Any.NewBuilder(), src); !errors.As(err, &size) {
		t.Errorf("got %v", err)
	}
}

// waiting never answers.
type waiting struct{ *fake }

func (waiting) Call(ctx context.Context, _ host.Export, _, _ []byte, _ func([]byte) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestDeadline checks that calls without a context of their own end.
func TestDeadline(t *testing.T) {
	s, f := ipldbind.New(ipldbind.Config{Timeout: time.Millisecond}), newFake("a", 'a')
	if err := s.Add(private, ipldbind.NewCodec(private, waiting{f}, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	blocks := &store{}
	lsys := blocks.system()
	s.Install(lsys)
	c := blocks.put(private, f.block(node("a", 1)))
	if _, err := lsys.Load(linking.LinkContext{}, link(c), basicnode.Prototype.Any); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("decode: %v", err)
	}
	lp := cidlink.LinkPrototype{Prefix: c.Prefix()}
	if _, err := lsys.Store(linking.LinkContext{}, lp, node("a", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("encode: %v", err)
	}
}

// TestInstallEncoders stores blocks of many sizes from several goroutines, whose encoders share buffers.
func TestInstallEncoders(t *testing.T) {
	s, f := ipldbind.New(ipldbind.Config{}), newFake("a", 'a')
	if err := s.Add(private, ipldbind.NewCodec(private, f, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	var lsys linking.LinkSystem
	s.Install(&lsys)
	encode := must(lsys.EncoderChooser(cidlink.LinkPrototype{Prefix: cid.Prefix{Version: 1, Codec: private}}))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				n := node("a", bytes.Repeat([]byte{byte(g)}, i*i*7%5000), "b", i)
				var w bytes.Buffer
				if err := encode(n, &w); err != nil || !bytes.Equal(w.Bytes(), f.block(n)) {
					t.Errorf("goroutine %d, block %d: %d bytes, %v", g, i, w.Len(), err)
				}
			}
		})
	}
	wg.Wait()
	if err := encode(basicnode.NewString("\xff"), io.Discard); err == nil {
		t.Error("an impossible node was encoded")
	}
}
