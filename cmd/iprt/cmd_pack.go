package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/pack"
	"github.com/iprt/iprt/internal/plainfile"
)

// pageSize is the unit of a module's memory.
const pageSize = 64 << 10

// maxManifest bounds the text of a manifest. Encoded it is at most 64 KiB.
const maxManifest = 1 << 20

// packedEvent is the stable shape of `iprt pack --json`.
type packedEvent struct {
	CID  string `json:"cid"`
	Path string `json:"path"`
	Size int    `json:"size"`
}

func (a *app) packCmd() *cobra.Command {
	var out, manifestFile, memoryMax string
	cmd := &cobra.Command{
		Use:   "pack IN -o OUT",
		Short: "Finish a module that a toolchain built",
		Long: `Add to a module what toolchains leave out: the manifest, and a maximum for its
memory. The result is checked like any other module before it is written, and
its CID is printed. The manifest is written in JSON (DAG-JSON, to be exact).`,
		Example: `  iprt pack codec.wasm -o bencode.wasm --manifest manifest.json
  iprt pack codec.wasm -o codec.wasm --memory-max 16MiB`,
		Args: wants(cobra.ExactArgs(1), "one file IN"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usagef("name it with -o", "there is no file to write to")
			}
			var o pack.Options
			var err error
			if o.MemoryMaxPages, err = parsePages(memoryMax); err != nil {
				return err
			}
			if manifestFile != "" {
				if o.Manifest, err = readManifest(manifestFile); err != nil {
					return err
				}
			}
			wasm, err := readFile(args[0], maxModule)
			if err != nil {
				return err
			}
			packed, err := pack.Pack(wasm, o)
			if err != nil {
				return err
			}
			if info, err := os.Lstat(out); err == nil && !info.Mode().IsRegular() {
				return control.Errorf(control.Failed, "file-exists", "name another file with -o", "%s is there already and is not a regular file", out)
			}
			if err := plainfile.Replace(out, packed, 0o644); err != nil {
				return fileError(err)
			}
			ev := packedEvent{fetch.Identity(packed).String(), out, len(packed)}
			return a.printf(ev, "%s\n", ev.CID)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the module to `FILE`")
	cmd.Flags().StringVar(&manifestFile, "manifest", "", "take the manifest from `FILE` (default: keep the one inside)")
	cmd.Flags().StringVar(&memoryMax, "memory-max", "", "let memory grow to `SIZE` at most, like 16MiB (default: as it is, or 64MiB)")
	return cmd
}

// readManifest reads a manifest as people write it.
func readManifest(name string) (*manifest.Manifest, error) {
	text, err := readFile(name, maxManifest)
	if err != nil {
		return nil, err
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	err = json.Unmarshal(text, new(json.RawMessage)) // which is stricter about JSON
	if err == nil {
		err = dagjson.Decode(nb, bytes.NewReader(text))
	}
	if err != nil {
		return nil, badManifest(name, err)
	}
	var section bytes.Buffer
	if err := dagcbor.Encode(nb.Build(), &section); err != nil {
		return nil, badManifest(name, err)
	}
	m, err := manifest.Parse(section.Bytes())
	if err != nil {
		return nil, badManifest(name, err)
	}
	return m, nil
}

func badManifest(name string, err error) error {
	hint := "see spec/manifest.md for what a manifest has"
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok && h.Hint() != "" {
		hint = h.Hint()
	}
	return control.Errorf(control.Refused, "bad-manifest", hint, "%s is not a manifest: %w", name, err)
}

// parsePages reads a size such as 65536, 512KiB, 16MiB or 1GiB as pages of
// 64 KiB. Empty is 0.
func parsePages(text string) (uint32, error) {
	if text == "" {
		return 0, nil
	}
	number, unit := text, uint64(1)
	for suffix, factor := range map[string]uint64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			number, unit = n, factor
		}
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 || n > math.MaxUint64/unit || n*unit%pageSize != 0 || n*unit > 4<<30 {
		return 0, usagef("write it like 16MiB", "--memory-max %q is not a multiple of 64KiB up to 4GiB", text)
	}
	return uint32(n * unit / pageSize), nil
}
