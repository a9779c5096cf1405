package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
	"github.com/iprt/iprt/host/manifest"
)

// describe fills in what Info says beyond counts.
func (s *scan) describe() {
	s.info.Grows = s.seen.Has(wasmop.Grow)
	s.info.ChangesTables = s.seen.Has(wasmop.ChangesTable)
	s.info.DropsSegments = s.seen.Has(wasmop.DropsSegment)
	s.info.SIMD = s.simdAt != 0
	var modules []string
	for _, i := range s.info.Imports {
		modules = append(modules, i.Module)
		if i.Module == abi.InterfaceWASI {
			s.info.WASI = append(s.info.WASI, i.Name)
		}
	}
	slices.Sort(s.info.WASI)
	s.info.WASI = slices.Compact(s.info.WASI)
	s.info.Purity = manifest.PurityOf(modules)
	for _, name := range slices.Sorted(maps.Keys(s.info.Exports)) {
		if _, ok := roleOf(name); ok {
			s.info.RoleExports = append(s.info.RoleExports, name)
		}
	}
	if len(s.manifests) == 1 {
		if m, err := manifest.Parse(s.manifests[0]); err == nil {
			s.info.Manifest = m
		}
	}
}

// roleOf finds the role of the ABI that an export belongs to by its full name.
func roleOf(export string) (role string, ok bool) {
	for _, r := range abi.Roles {
		if slices.ContainsFunc(r.Exports, func(e abi.Export) bool { return e.Name == export }) {
			return r.Name, true
		}
	}
	return "", false
}

// rolePrefix is what the export names of a role start with: codec/v1 has iprt_codec_v1_.
func rolePrefix(role string) string {
	return abiPrefix + strings.NewReplacer("/", "_", "-", "_").Replace(role) + "_"
}

const abiPrefix = "iprt_" // of exports that belong to the ABI

// public copies a type out of the module.
func (t funcType) public() FuncType { return FuncType{valTypes(t.params), valTypes(t.results)} }

func valTypes(b []byte) []abi.ValType {
	out := make([]abi.ValType, len(b))
	for i, t := range b {
		out[i] = abi.ValType(t)
	}
	return out
}

// reserved refuses the names that the meter will give to what it adds.
func reserved(at int, name, what string) error {
	if strings.HasPrefix(name, wasmbin.MeterPrefix) {
		return &Error{Rule: "wasm.reserved-name", Offset: at, Msg: fmt.Sprintf("%s %s starts with %s, which is reserved for the host's own additions", what, show(name), wasmbin.MeterPrefix)}
	}
	return nil
}

// vector notes the first place where a module uses vectors.
func (s *scan) vector(t byte, at int) {
	if t == wasmbin.TypeV128 && s.simdAt == 0 {
		s.simdAt = at
	}
}
