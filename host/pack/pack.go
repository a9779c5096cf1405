// Package pack finishes a module that a toolchain built: it adds the manifest and the maxima that the ABI wants and not
// every toolchain writes.
//
// Start with [Pack]. It changes nothing else, and it does not let a module out that a host would refuse: the result is held
// to the rules of the ABI before it is returned.
package pack

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/validate"
)

// DefaultMemoryPages is the maximum given to a memory that declares none: 1,024 pages are 64 MiB, what a host allows by
// default.
const DefaultMemoryPages = 1024

// maxTableElements is the maximum given to a table that declares none. It is what every host allows, so that the module does
// not change its behaviour.
const maxTableElements = 65536

// Options says what to add.
type Options struct {
	// Manifest replaces the one in the module. Nil keeps that, which must be there then.
	Manifest *manifest.Manifest

	// MemoryMaxPages is the maximum that the memory declares, in pages of 64 KiB. 0 keeps the maximum of the toolchain, or
	// where there is none adds [DefaultMemoryPages].
	MemoryMaxPages uint32
}

// Error reports options that do not fit the module.
type Error struct {
	Msg    string
	Advice string // see Hint
}

func (e *Error) Error() string { return e.Msg }

// Code is the stable name of the failure.
func (e *Error) Code() string { return "pack-options" }

// Hint says what to do about it.
func (e *Error) Hint() string { return e.Advice }

// Pack returns the finished module. The same input gives the same bytes, and packing a packed module again with the same
// options gives it back.
//
// The manifest becomes the first section. So a reader that has only the first block of a large module, which is all that a
// CID's first fetch brings, can already show what the module is and asks for.
//
// Errors: *[validate.Error] for what is no module, or would not be a good one after packing; *[manifest.Error]; *[Error].
func Pack(wasm []byte, o Options) ([]byte, error) {
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, Limits: validate.Pinned()})
	if err != nil {
		return nil, err
	}
	if err := o.check(info); err != nil {
		return nil, err
	}
	section, err := o.section(wasm)
	if err != nil {
		return nil, err
	}
	out, err := wasmbin.Rewrite(wasm, section, func(s wasmbin.Section) ([]byte, bool, error) {
		switch {
		case s.ID == wasmbin.Custom && s.Name == abi.ManifestSection:
			return nil, false, nil
		case s.ID == wasmbin.Memory:
			body, err := wasmbin.EditLimits(s, o.memory)
			return body, true, err
		case s.ID == wasmbin.Table:
			body, err := wasmbin.EditLimits(s, table)
			return body, true, err
		}
		return s.Body, true, nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := validate.Module(out, validate.Rules{Set: validate.ABI, Limits: validate.Pinned()}); err != nil {
		return nil, err
	}
	return out, nil
}

// check holds the maximum to come against the minimum that is there.
func (o Options) check(info *validate.Info) error {
	m := info.Memory
	if m == nil {
		return nil // the ABI's rules say so in better words
	}
	to := o.memory(wasmbin.Limits{Min: m.Min, Max: m.Max, HasMax: m.HasMax})
	switch {
	case to.Max > wasmbin.MaxPages:
		return &Error{Msg: fmt.Sprintf("a memory maximum of %d pages is impossible, at most %d pages (4 GiB) exist", to.Max, wasmbin.MaxPages)}
	case to.Max < to.Min:
		return &Error{
			Msg:    fmt.Sprintf("a memory maximum of %d pages is below the %d pages that the module starts with", to.Max, to.Min),
			Advice: fmt.Sprintf("set a maximum of %d pages (of 64 KiB) or more", to.Min),
		}
	}
	return nil
}

// section is the manifest's custom section.
func (o Options) section(wasm []byte) ([]byte, error) {
	if o.Manifest != nil {
		body, err := manifest.Encode(o.Manifest)
		if err != nil {
			return nil, err
		}
		return wasmbin.AppendCustom(nil, abi.ManifestSection, body), nil
	}
	var found [][]byte
	for s := wasmbin.NewSections(wasm); s.Next(); {
		if c := s.Section(); c.ID == wasmbin.Custom && c.Name == abi.ManifestSection {
			found = append(found, c.Body)
		}
	}
	if len(found) != 1 {
		return nil, &Error{Msg: fmt.Sprintf("no manifest was given, and the module has %d of its own, expected one", len(found)), Advice: "give a manifest"}
	}
	return wasmbin.AppendCustom(nil, abi.ManifestSection, found[0]), nil
}

func (o Options) memory(l wasmbin.Limits) wasmbin.Limits {
	switch {
	case o.MemoryMaxPages != 0:
		l.HasMax, l.Max = true, o.MemoryMaxPages
	case !l.HasMax:
		l.HasMax, l.Max = true, DefaultMemoryPages
	}
	return l
}

func table(l wasmbin.Limits) wasmbin.Limits {
	if !l.HasMax {
		l.HasMax, l.Max = true, maxTableElements
	}
	return l
}
