package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/iprt/iprt"

const (
	libp2p   = "github.com/libp2p/go-libp2p" // and its siblings go-libp2p-kad-dht, …
	wazero   = "github.com/tetratelabs/wazero"
	wasmtime = "github.com/bytecodealliance/wasmtime-go"
)

// A rule is about everything that the packages it matches import, directly or through others, tests aside. Each must match
// a package: a folder that moves must not silence its rule.
type rule struct {
	packages string   // below the module; a final "/..." matches the folder and all below, "/*" what is directly below
	except   []string // packages it is not about, and all below them
	only     []string // what they may reach besides the standard library and themselves
	never    []string // what they must not reach
	direct   bool     // about what they import themselves only
	why      string
}

var rules = []rule{
	{packages: "abi", only: []string{},
		why: "the contract is data; whoever needs it needs nothing else, and it builds for wasip1"},
	{packages: "sdk/...", only: []string{"abi", "sdk"},
		why: "what a module imports ends up in every module"},
	{packages: "codecs/*", except: []string{"codecs/build", "codecs/codectest"}, only: []string{"abi", "sdk"},
		why: "guest code reaches the world through the SDK only"},
	{packages: "host", never: []string{libp2p, wazero, wasmtime},
		why: "an embedder brings an engine and a network of their own"},
	{packages: "host/fetch/...", never: []string{libp2p, wazero, wasmtime, "host/engine/wazero"},
		why: "blocks come from sources that are handed in"},
	{packages: "host/ipldbind/...", never: []string{libp2p, wazero, wasmtime, "host/libp2pbind", "host/exec", "host/node"},
		why: "the bindings do not know each other, and the codecs need no network"},
	{packages: "host/engine/...", except: []string{"host/engine/wazero", "host/engine/wasmtime"}, never: []string{libp2p, wazero, wasmtime},
		why: "the engine interface must fit engines that are not there yet"},
	{packages: "...", except: []string{"host/engine/wazero"}, direct: true, never: []string{wazero},
		why: "an engine is imported by its own package and by no other"},
	{packages: "host/engine/wazero", never: []string{wasmtime, libp2p},
		why: "one engine does not bring the other"},
	{packages: "host/engine/wasmtime", never: []string{wazero, libp2p},
		why: "one engine does not bring the other"},
	{packages: "...", except: []string{"host/node", "cmd/iprt"}, never: []string{"host/node"},
		why: "a whole node is for commands; libraries are its parts"},
	{packages: "...", except: []string{"internal/wasmtest", "host/engine/enginetest", "spec/conformance", "cmd/iprt"}, never: []string{"internal/wasmtest"},
		why: "it makes broken modules, to hold hosts to; a host is not made of them"},
	{packages: "spec/conformance/abuse", never: []string{"host", "sdk", libp2p, wazero, wasmtime},
		why: "whoever is held to the corpus may be any host"},
}

func TestImports(t *testing.T) {
	native := listWith(t, true)
	guest := list(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "./abi/...", "./sdk/...", "./codecs/...")
	for _, r := range rules {
		matched := 0
		for _, p := range slices.Concat(native, guest) {
			if !r.about(p.ImportPath) {
				continue
			}
			matched++
			deps := p.Deps
			if r.direct {
				deps = p.Imports
			}
			if i := slices.IndexFunc(deps, func(dep string) bool { return r.forbids(p.ImportPath, dep) }); i >= 0 {
				t.Errorf("%s reaches %s: %s", p.ImportPath, deps[i], r.why)
			}
		}
		if matched == 0 {
			t.Errorf("the rule for %s matches no package", r.packages)
		}
	}
}

func (r rule) about(importPath string) bool {
	if slices.ContainsFunc(r.except, func(e string) bool { return within(importPath, path.Join(module, e)) }) {
		return false
	}
	switch prefix, last := path.Split(r.packages); last {
	case "...":
		return within(importPath, path.Join(module, prefix))
	case "*":
		return path.Dir(importPath) == path.Join(module, prefix)
	}
	return importPath == path.Join(module, r.packages)
}

func (r rule) forbids(from, dep string) bool {
	if slices.ContainsFunc(r.never, func(n string) bool {
		return strings.HasPrefix(dep, n) || within(dep, path.Join(module, n))
	}) {
		return true
	}
	standard := !strings.Contains(strings.Split(dep, "/")[0], ".") || strings.HasPrefix(dep, "vendor/")
	return r.only != nil && !standard && !within(dep, from) &&
		!slices.ContainsFunc(r.only, func(o string) bool { return within(dep, path.Join(module, o)) })
}

func within(importPath, dir string) bool {
	return importPath == dir || strings.HasPrefix(importPath, dir+"/")
}

type pkg struct {
	ImportPath, Name, Dir     string
	GoFiles, Imports, Deps    []string
	TestImports, XTestImports []string
}

// list is the packages of this module that match, with their transitive dependencies.
func list(t *testing.T, env []string, patterns ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Name,Dir,GoFiles,Imports,Deps,TestImports,XTestImports"}, patterns...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = "../..", append(os.Environ(), env...), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			pkgs = append(pkgs, p)
		}
	}
}
