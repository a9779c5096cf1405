package host

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/validate"
)

// Report is what can be told of a module without running it. Its texts are
// safe to show. The JSON form is stable: fields are added, never changed.
type Report struct {
	CID     string `json:"cid"`            // identity
	Locator string `json:"locator"`        // the CID it was asked for by
	From    string `json:"from,omitempty"` // source of the bytes
	Size    int    `json:"size"`           // bytes

	Verdict string `json:"verdict"`         // "accepted", "accepted-if-pinned" or "rejected" by the validator
	Rule    string `json:"rule,omitempty"`  // which rule it breaks, if it is not simply accepted
	Fault   string `json:"fault,omitempty"` // what is wrong, in words
	Fix     string `json:"fix,omitempty"`   // what to do about it

	ABI      string       `json:"abi,omitempty"`  // its version marker
	Name     string       `json:"name,omitempty"` // this and the next two are the author's claims
	Version  string       `json:"version,omitempty"`
	License  string       `json:"license,omitempty"`
	Roles    []RoleReport `json:"roles"`
	Requires []string     `json:"requires"` // interfaces, as the manifest lists them
	Optional []string     `json:"optional"`

	Purity  string         `json:"purity,omitempty"` // "pure0", "pure" or "granted"
	Imports []ImportReport `json:"imports"`
	Exports []string       `json:"exports"`

	// Could says in sentences what the module could ever do here if all that
	// it can use is granted.
	Could []string `json:"could"`
	// Needs lists the interfaces without whose grant it does not load.
	Needs []string `json:"needs"`
	// Missing lists the interfaces that it requires and this host lacks.
	Missing []string `json:"missing"`

	Limits StaticLimits `json:"limits"`

	// Class is whose limits it fits: "untrusted", "pinned" or, for a module
	// that no host would run, empty.
	Class string `json:"class,omitempty"`
	// Compile estimates what compiling it would cost, nil if it cannot be.
	Compile *CompileReport `json:"compile,omitempty"`
	// Reset says what happens to an instance between two domains: "restored"
	// or "instantiated-anew".
	Reset string `json:"reset,omitempty"`
}

// CompileReport is an estimate that is not exceeded by much, at a budget.
type CompileReport struct {
	Milliseconds         int64 `json:"milliseconds"`
	FunctionMilliseconds int64 `json:"function_milliseconds"` // of the worst function
	// Where it would be compiled: "in-process", "child-process", or "refused".
	Where string `json:"where"`
}

// RoleReport is one role of a module.
type RoleReport struct {
	Role     string `json:"role"`           // such as "codec/v1"
	Code     uint64 `json:"code,omitempty"` // of a codec: multicodec code
	Name     string `json:"name,omitempty"` // of a codec: name of the format
	Callable bool   `json:"callable"`       // this host can call it
}

// ImportReport is what a module imports of one interface.
type ImportReport struct {
	Interface string   `json:"interface"`
	Functions []string `json:"functions"`
	Known     bool     `json:"known"`    // this host has the interface
	Required  bool     `json:"required"` // the module does not load without it
	Grant     bool     `json:"grant"`    // it takes a grant to use it
}

// StaticLimits are sizes that show without running the module.
type StaticLimits struct {
	MemoryMin  uint64            `json:"memory_min"` // bytes
	MemoryMax  uint64            `json:"memory_max"` // bytes, as this host would bound it
	TableMax   uint64            `json:"table_max"`  // elements
	Functions  int               `json:"functions"`
	CodeBytes  int               `json:"code_bytes"`
	DataBytes  int               `json:"data_bytes"`
	Asked      map[string]uint64 `json:"asked,omitempty"` // hints of the manifest, by name
	Toolchains []string          `json:"toolchains,omitempty"`
}

// The verdicts of a [Report].
const (
	VerdictAccepted = "accepted"
	VerdictPinned   = "accepted-if-pinned" // too large for a module from strangers
	VerdictRejected = "rejected"
)

// The classes of a [Report].
const (
	classUntrusted = "untrusted"
	classPinned    = "pinned"
)

// maxShown bounds a guest's name in a report, in bytes.
const maxShown = 256

func (h *Host) inspect(v fetch.Verified) (*Report, error) {
	if !v.ID().Defined() {
		return nil, errUnverified()
	}
	r := &Report{
		CID: v.ID().String(), Locator: v.Locator().String(), From: v.From(), Size: len(v.Bytes()),
		Verdict: VerdictAccepted, Roles: []RoleReport{}, Requires: []string{}, Optional: []string{},
		Imports: []ImportReport{}, Exports: []string{}, Could: []string{}, Needs: []string{}, Missing: []string{},
	}
	info, err := validate.Module(v.Bytes(), rules(false))
	if err != nil {
		wide, pinnedErr := validate.Module(v.Bytes(), rules(true))
		r.Verdict = VerdictPinned
		if pinnedErr != nil {
			r.Verdict, err = VerdictRejected, pinnedErr
		}
		info = wide
		r.fault(err)
	}
	if info != nil {
		r.shape(h, info)
		r.cost(h, v, info)
		r.manifest(info.Manifest)
		r.imports(h, info)
	}
	return r, nil
}

func (r *Report) fault(err error) {
	e := refused(cid.Undef, RefusedInvalid, err)
	r.Fault, r.Fix = e.Reason, e.Advice
	var rule *validate.Error
	if errors.As(err, &rule) {
		r.Rule = rule.Rule
	}
}

func (r *Report) shape(h *Host, info *validate.Info) {
	for _, name := range slices.Sorted(maps.Keys(info.Exports)) {
		if len(name) > len(abi.MarkerPrefix) && name[:len(abi.MarkerPrefix)] == abi.MarkerPrefix {
			r.ABI = guesttext.Line(name, maxShown)
		}
		r.Exports = append(r.Exports, guesttext.Line(name, maxShown))
	}
	r.Purity = info.Purity.String()
	switch r.Verdict {
	case VerdictAccepted:
		r.Class = classUntrusted
	case VerdictPinned:
		r.Class = classPinned
	}
	r.Reset = "instantiated-anew"
	if resettable(info) {
		r.Reset = "restored"
	}
	r.Limits = StaticLimits{Functions: info.Functions, CodeBytes: info.CodeBytes, DataBytes: info.DataBytes}
	if m := info.Memory; m != nil {
		r.Limits.MemoryMin = uint64(m.Min) * pageSize
		r.Limits.MemoryMax = h.cfg.Limits.withDefaults(r.Class == classPinned).memory()
		if m.HasMax {
			r.Limits.MemoryMax = min(r.Limits.MemoryMax, uint64(m.Max)*pageSize)
		}
	}
	for _, t := range info.Tables {
		r.Limits.TableMax = uint64(t.Max)
	}
	for _, p := range info.Toolchain {
		r.Limits.Toolchains = append(r.Limits.Toolchains, p.Name+" "+p.Version)
	}
}

// cost estimates the compilation, of the module as it would be metered here.
func (r *Report) cost(h *Host, v fetch.Verified, info *validate.Info) {
	l := h.cfg.Limits.withDefaults(r.Class == classPinned)
	metered, err := h.meter(v, info, l)
	if err != nil {
		return
	}
	est, err := validate.EstimateCompile(metered)
	if err != nil {
		return
	}
	r.Compile = &CompileReport{Milliseconds: est.Total.Milliseconds(), FunctionMilliseconds: est.Worst.Milliseconds(), Where: "in-process"}
	if !l.affords(est) {
		r.Compile.Where = "refused"
		if _, ok := h.engine.(engine.Precompiler); ok && h.cfg.Artifacts != nil {
			r.Compile.Where = "child-process"
		}
	}
}

func (r *Report) manifest(m *manifest.Manifest) {
	if m == nil {
		return
	}
	r.Name, r.Version = m.Name, m.Version
	r.License = guesttext.Line(m.License, maxShown)
	r.Requires = append(r.Requires, m.Requires...)
	r.Optional = append(r.Optional, m.Optional...)
	r.Limits.Asked = m.Limits
	for _, role := range slices.Sorted(maps.Keys(m.Roles)) {
		rr := RoleReport{Role: role, Callable: callable(role)}
		if c := m.Roles[role].Codec; c != nil {
			rr.Code, rr.Name = c.Code, c.Name
		}
		r.Roles = append(r.Roles, rr)
	}
}

func (r *Report) imports(h *Host, info *validate.Info) {
	at := map[string]int{}
	for _, im := range info.Imports {
		i, ok := at[im.Module]
		if !ok {
			i = len(r.Imports)
			at[im.Module] = i
			r.Imports = append(r.Imports, h.importReport(im.Module, info.Manifest))
		}
		name := guesttext.Line(im.Name, maxShown)
		if !slices.Contains(r.Imports[i].Functions, name) { // toolchains import some twice
			r.Imports[i].Functions = append(r.Imports[i].Functions, name)
		}
	}
	for _, iface := range r.Requires {
		switch _, known := h.offer[iface]; {
		case !known:
			r.Missing = append(r.Missing, iface)
		case !pure(iface):
			r.Needs = append(r.Needs, iface)
		}
	}
	for _, im := range r.Imports {
		r.Could = append(r.Could, could(im))
	}
	if info.Purity != manifest.Granted {
		r.Could = append(r.Could, "reach nothing outside itself")
	}
	l := h.cfg.Limits.withDefaults(r.Class == classPinned)
	r.Could = append(r.Could, fmt.Sprintf("use up to %d bytes of memory per instance, and %d units of fuel or %v per call",
		r.Limits.MemoryMax, l.FuelPerCall, l.MaxCallTime))
}

func (h *Host) importReport(iface string, m *manifest.Manifest) ImportReport {
	_, known := h.offer[iface]
	return ImportReport{
		Interface: guesttext.Line(iface, maxShown),
		Known:     known,
		Required:  m != nil && slices.Contains(m.Requires, iface),
		Grant:     !pure(iface),
	}
}

// could says what the functions of one interface let a module do.
func could(im ImportReport) string {
	switch im.Interface {
	case abi.InterfaceCore:
		return "end its own call with an error text"
	case abi.InterfaceWASI:
		return "write to the log through WASI's standard output; clock and random numbers are made up"
	case abi.InterfaceLog:
		return "write lines to the operator's log"
	case abi.InterfaceConfig:
		return "read the configuration of its binding"
	}
	return fmt.Sprintf("nothing with %s, which this host does not have", im.Interface)
}
