package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/manifest"
)

const nowhere = -1 // the offset of what is not there

// checkABI holds a module of good shape to the rules of the ABI.
func (s *scan) checkABI() error {
	for _, rule := range []func() error{
		s.checkMarker, s.checkManifest, s.checkStart, s.checkImports, s.checkMemory, s.checkSegments, s.checkExports, s.checkRoles, s.checkReserved,
	} {
		if err := rule(); err != nil {
			return err
		}
	}
	return nil
}

// exportNames is sorted, so that of several errors always the same one is reported.
func (s *scan) exportNames() []string { return slices.Sorted(maps.Keys(s.info.Exports)) }

func (s *scan) checkMarker() error {
	var markers []string
	for _, name := range s.exportNames() {
		if strings.HasPrefix(name, abi.MarkerPrefix) {
			markers = append(markers, name)
		}
	}
	switch {
	case len(markers) == 0:
		msg := fmt.Sprintf("this is no iprt module: it does not export the version marker %s", abi.ExportMarker)
		if _, ok := s.info.Exports["_start"]; ok {
			msg = fmt.Sprintf("this is a WASI command (it exports _start), not an iprt module with the version marker %s", abi.ExportMarker)
		}
		return &Error{Rule: "abi.no-marker", Offset: nowhere, Msg: msg}
	case len(markers) > 1:
		return &Error{Rule: "abi.two-markers", Offset: s.info.Exports[markers[1]].Offset, Value: uint64(len(markers)), Limit: 1,
			Msg: fmt.Sprintf("exports %d version markers (%s and %s), expected one", len(markers), show(markers[0]), show(markers[1]))}
	case markers[0] != abi.ExportMarker:
		return &Error{Rule: "abi.marker-version", Offset: s.info.Exports[markers[0]].Offset,
			Msg: fmt.Sprintf("is written for %s, this host has %s", show(strings.TrimPrefix(markers[0], "iprt_")), strings.TrimPrefix(abi.ExportMarker, "iprt_"))}
	}
	return nil
}

func (s *scan) checkManifest() error {
	switch len(s.manifests) {
	case 0:
		return &Error{Rule: "abi.no-manifest", Offset: nowhere, Msg: fmt.Sprintf("has no manifest (custom section %s)", abi.ManifestSection)}
	case 1:
	default:
		return &Error{Rule: "abi.two-manifests", Offset: s.manifest0, Value: uint64(len(s.manifests)), Limit: 1, Msg: "has more than one manifest, expected one"}
	}
	if _, err := manifest.Parse(s.manifests[0]); err != nil {
		return &Error{Rule: "abi.manifest", Offset: s.manifest0, Msg: err.Error(), Err: err}
	}
	return nil
}

func (s *scan) checkStart() error {
	if s.info.Start {
		return &Error{Rule: "abi.start", Offset: s.startAt, Msg: "has a start function, which iprt modules must not have"}
	}
	return nil
}

// checkImports: every import is a function of WASI or of an interface that the manifest lists, and where this host knows
// the interface, name and signature are right. What to do about an interface that it does not know is for the host.
func (s *scan) checkImports() error {
	for _, i := range s.info.Imports {
		if i.Kind != KindFunc {
			return &Error{Rule: "abi.import-kind", Offset: i.Offset, Msg: fmt.Sprintf("imports the %s %s from %s, only functions can be imported", i.Kind, show(i.Name), show(i.Module))}
		}
		calls := abi.Calls
		if i.Module == abi.InterfaceWASI {
			calls = abi.WASI
		} else if !s.info.Manifest.Lists(i.Module) {
			return &Error{Rule: "abi.import-unlisted", Offset: i.Offset, Msg: fmt.Sprintf("imports %s from %s, which its manifest does not list as required or optional", show(i.Name), show(i.Module))}
		}
		if i.Module != abi.InterfaceWASI && !slices.ContainsFunc(abi.Interfaces, func(have abi.Interface) bool { return have.Name == i.Module }) {
			continue
		}
		n := slices.IndexFunc(calls, func(c abi.Call) bool { return c.Interface == i.Module && c.Name == i.Name })
		if n < 0 {
			return &Error{Rule: "abi.import-name", Offset: i.Offset, Msg: fmt.Sprintf("imports %s from %s, which has no such function", show(i.Name), i.Module)}
		}
		if want := (FuncType{calls[n].Params, calls[n].Results}); !i.Type.equal(want) {
			return &Error{Rule: "abi.import-type", Offset: i.Offset, Msg: fmt.Sprintf("imports %s from %s as %s, expected %s", i.Name, i.Module, i.Type, want)}
		}
	}
	return nil
}

func (t FuncType) equal(o FuncType) bool {
	return slices.Equal(t.Params, o.Params) && slices.Equal(t.Results, o.Results)
}

// checkMemory: JavaScript hosts have no limit on memory and tables but the declared maximum.
func (s *scan) checkMemory() error {
	if m := s.info.Memory; m != nil && !m.HasMax {
		return &Error{Rule: "abi.memory-max", Offset: nowhere, Msg: "the memory declares no maximum"}
	}
	for _, t := range s.info.Tables {
		if !t.HasMax {
			return &Error{Rule: "abi.table-max", Offset: nowhere, Msg: "the table declares no maximum"}
		}
	}
	return nil
}

// checkSegments: what cannot be instantiated is better refused before anything is compiled.
func (s *scan) checkSegments() error {
	if s.outside != nil {
		return s.outside
	}
	return nil
}

func (s *scan) checkExports() error {
	for _, want := range abi.Exports {
		if err := s.checkExport(want, "abi.export-missing", "every iprt module"); err != nil {
			return err
		}
	}
	return nil
}

// checkExport checks one export that the ABI describes.
func (s *scan) checkExport(want abi.Export, missing, who string) error {
	kind := KindFunc
	if want.Memory {
		kind = KindMemory
	}
	have, ok := s.info.Exports[want.Name]
	switch {
	case !ok && !want.Required:
		return nil
	case !ok:
		return &Error{Rule: missing, Offset: nowhere, Msg: fmt.Sprintf("does not export the %s %s, which %s has", kind, want.Name, who)}
	case have.Kind != kind:
		return &Error{Rule: "abi.export-kind", Offset: have.Offset, Msg: fmt.Sprintf("exports %s as a %s, expected a %s", want.Name, have.Kind, kind)}
	}
	if t := (FuncType{want.Params, want.Results}); !want.Memory && !have.Type.equal(t) {
		return &Error{Rule: "abi.export-type", Offset: have.Offset, Msg: fmt.Sprintf("exports %s as %s, expected %s", want.Name, have.Type, t)}
	}
	return nil
}

// checkRoles: each role of the manifest that this host knows is there in full.
func (s *scan) checkRoles() error {
	for _, role := range abi.Roles {
		if _, ok := s.info.Manifest.Roles[role.Name]; !ok {
			continue
		}
		for _, want := range role.Exports {
			if err := s.checkExport(want, "abi.role-export", "the role "+role.Name+" of its manifest"); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReserved: what is called iprt_… has a meaning in the ABI, or belongs to a role that the manifest lists.
func (s *scan) checkReserved() error {
	for _, name := range s.exportNames() {
		if !strings.HasPrefix(name, abiPrefix) || slices.ContainsFunc(abi.Exports, func(e abi.Export) bool { return e.Name == name }) {
			continue
		}
		if role, known := roleOf(name); known {
			if _, ok := s.info.Manifest.Roles[role]; !ok {
				return &Error{Rule: "abi.role-unlisted", Offset: s.info.Exports[name].Offset, Msg: fmt.Sprintf("exports %s, but its manifest does not list the role %s", name, role)}
			}
			continue
		}
		if !s.ofUnknownRole(name) {
			return &Error{Rule: "abi.reserved-export", Offset: s.info.Exports[name].Offset, Msg: fmt.Sprintf("exports %s, a name that the ABI reserves and does not define", show(name))}
		}
	}
	return nil
}

// ofUnknownRole reports whether an export belongs to a role of the manifest that this host does not know.
func (s *scan) ofUnknownRole(export string) bool {
	for role := range s.info.Manifest.Roles {
		known := slices.ContainsFunc(abi.Roles, func(r abi.Role) bool { return r.Name == role })
		if !known && strings.HasPrefix(export, rolePrefix(role)) {
			return true
		}
	}
	return false
}
