package arch

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// mayReachWasmtime lists who may reach wasmtime in builds with its tag, and how their tests may.
var mayReachWasmtime = []string{"host/engine/wasmtime", "cmd/iprt", "internal/engines"}

// TestWasmtime: its module is 57 MB to download. `go mod tidy` looks behind tags, and into the tests of what it finds, so
// whoever imports a package from which wasmtime can be reached fetches it. The graph is made of direct imports: that
// takes no download here either.
func TestWasmtime(t *testing.T) {
	for _, tagged := range []bool{false, true} {
		graph := make(map[string]pkg)
		for _, p := range listWith(t, tagged) {
			graph[p.ImportPath] = p
		}
		reached := 0
		for _, p := range graph {
			rel := strings.TrimPrefix(p.ImportPath, module+"/")
			if reachesWasmtime(graph, p.Imports, make(map[string]bool)) {
				reached++
				if !tagged || !slices.Contains(mayReachWasmtime, rel) {
					t.Errorf("%s reaches wasmtime (with the tag: %v)", rel, tagged)
				}
			}
			private := slices.Contains(mayReachWasmtime, rel) || within(rel, "internal") || within(rel, "cmd")
			if !private && reachesWasmtime(graph, slices.Concat(p.TestImports, p.XTestImports), make(map[string]bool)) {
				t.Errorf("the tests of %s reach wasmtime (with the tag: %v)", rel, tagged)
			}
		}
		if want := len(mayReachWasmtime); tagged && reached != want {
			t.Errorf("%d packages reach wasmtime with the tag, want %d: nothing was checked", reached, want)
		}
	}
}

func reachesWasmtime(graph map[string]pkg, imports []string, seen map[string]bool) bool {
	for _, i := range imports {
		if strings.HasPrefix(i, wasmtime) {
			return true
		}
		if p, ok := graph[i]; ok && !seen[i] {
			seen[i] = true
			if reachesWasmtime(graph, p.Imports, seen) {
				return true
			}
		}
	}
	return false
}

// listWith is the packages of this module in a build with or without the tag.
func listWith(t *testing.T, tagged bool) []pkg {
	t.Helper()
	if !tagged {
		return list(t, nil, "./...")
	}
	// A module that is not in the cache stays away, and its packages are errors, which -e tolerates.
	return list(t, []string{"CGO_ENABLED=1", "GOPROXY=off", "GOFLAGS=-tags=wasmtime"}, "./...")
}

// TestWasmtimeFiles: all of the engine but its documentation is behind the tag.
func TestWasmtimeFiles(t *testing.T) {
	dir := path.Join(module, "host/engine/wasmtime")
	for _, p := range listWith(t, false) {
		if p.ImportPath == dir && !slices.Equal(p.GoFiles, []string{"doc.go"}) {
			t.Errorf("%s has %v without the tag", dir, p.GoFiles)
		}
	}
}
