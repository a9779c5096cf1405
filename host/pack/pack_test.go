package pack_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/pack"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

func theManifest() *manifest.Manifest {
	return &manifest.Manifest{
		Name: "packed", Version: "2.0.0", License: "MIT",
		Roles: map[string]manifest.Role{"codec/v1": {Codec: &manifest.Codec{Code: 5, Name: "x"}}},
	}
}

func TestPack(t *testing.T) {
	stock := w.Codec(w.Manifests(0), w.Memory(3, -1), w.CustomSection("name", nil), w.Edit(func(b *w.Builder) { b.Table(7, -1) }))
	for _, c := range []struct {
		name  string
		wasm  []byte
		opts  pack.Options
		pages uint32
		named string
	}{
		{"stock toolchain", stock, pack.Options{Manifest: theManifest()}, 1024, "packed"},
		{"stock toolchain, maximum given", stock, pack.Options{Manifest: theManifest(), MemoryMaxPages: 3}, 3, "packed"},
		{"manifest replaced", w.Codec(), pack.Options{Manifest: theManifest()}, 16, "packed"},
		{"two manifests replaced", w.Codec(w.Manifests(2)), pack.Options{Manifest: theManifest()}, 16, "packed"},
		{"manifest kept", w.Codec(), pack.Options{MemoryMaxPages: 65536}, 65536, "echo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := bytes.Clone(c.wasm)
			out, err := pack.Pack(c.wasm, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			info, err := validate.Module(out, validate.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			if info.Memory.Max != c.pages || info.Manifest.Name != c.named || info.Custom[0].Name != "iprt.manifest" {
				t.Errorf("%+v, manifest %+v, custom %+v", info.Memory, info.Manifest, info.Custom)
			}
			for _, table := range info.Tables {
				if table.Min != 7 || table.Max != 65536 {
					t.Errorf("table %+v", table)
				}
			}
			again, err := pack.Pack(out, c.opts)
			if err != nil || !bytes.Equal(again, out) {
				t.Errorf("packing again changes the module: %v", err)
			}
			if !bytes.Equal(in, c.wasm) {
				t.Error("changed its input")
			}
		})
	}
}

func TestPackRefuses(t *testing.T) {
	core := theManifest()
	core.Requires = []string{"iprt:core/v1"}
	bad := theManifest()
	bad.Version = "two"
	abort := w.Import("iprt:core/v1", "abort", []byte{w.I32, w.I32, w.I32}, nil)
	for _, c := range []struct {
		name, code, text string
		wasm             []byte
		opts             pack.Options
	}{
		{"not wasm", "not-wasm", "text file", []byte("package main"), pack.Options{Manifest: theManifest()}},
		{"no marker", "not-an-iprt-module", "iprt_abi_v1", w.Codec(w.Without("iprt_abi_v1")), pack.Options{Manifest: theManifest()}},
		{"role that is not there", "not-an-iprt-module", "links", w.Codec(w.Without("iprt_codec_v1_links")), pack.Options{Manifest: theManifest()}},
		{"import that the manifest hides", "not-an-iprt-module", "iprt:core/v1", w.Codec(abort), pack.Options{Manifest: theManifest()}},
		{"start function", "not-an-iprt-module", "start", w.Codec(w.Start(w.Code{})), pack.Options{Manifest: theManifest()}},
		{"bad manifest", "manifest-invalid", "version", w.Codec(), pack.Options{Manifest: bad}},
		{"no manifest", "pack-options", "0 of its own", w.Codec(w.Manifests(0)), pack.Options{}},
		{"two manifests to keep", "pack-options", "2 of its own", w.Codec(w.Manifests(2)), pack.Options{}},
		{"maximum below minimum", "pack-options", "below the 9", w.Codec(w.Memory(9, -1)), pack.Options{MemoryMaxPages: 8}},
		{"default maximum below minimum", "pack-options", "below the 1025", w.Codec(w.Memory(1025, -1)), pack.Options{}},
		{"more than 4 GiB", "pack-options", "impossible", w.Codec(), pack.Options{MemoryMaxPages: 65537}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := pack.Pack(c.wasm, c.opts)
			var coded interface{ Code() string }
			if out != nil || !errors.As(err, &coded) || coded.Code() != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%d bytes, %v; want code %s and %q", len(out), err, c.code, c.text)
			}
		})
	}
	if _, err := pack.Pack(w.Codec(abort), pack.Options{Manifest: core}); err != nil {
		t.Errorf("a manifest that lists what is imported: %v", err)
	}
}
