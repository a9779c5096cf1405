package validate

import (
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/internal/wasmbin"
)

// custom notes a custom section. What is in one never makes a module malformed; the manifest is judged by the ABI rules.
func (s *scan) custom(c wasmbin.Section) error {
	if n := uint64(len(s.info.Custom)) + 1; n > s.lim.CustomSections {
		return overLimit("limit.custom-sections", c.Offset, n, s.lim.CustomSections, "custom sections")
	}
	s.info.Custom = append(s.info.Custom, CustomSection{Name: c.Name, Size: len(c.Body)})
	if c.Name != wasmbin.NameSection {
		s.dropped += uint64(c.BodyAt - c.Offset + len(c.Body))
		if s.dropped > s.lim.CustomBytes {
			return overLimit("limit.custom-bytes", c.Offset, s.dropped, s.lim.CustomBytes, "bytes of custom sections")
		}
	}
	switch c.Name {
	case abi.ManifestSection:
		if len(s.manifests) == 0 {
			s.manifest0 = c.BodyAt
		}
		if len(s.manifests) < 2 {
			s.manifests = append(s.manifests, c.Body)
		}
	case "producers":
		s.info.Toolchain = producers(c.Reader())
	}
	return nil
}

const (
	maxProducers = 32
	maxProducer  = 80 // bytes of a name or version as shown
)

// producers reads what it can: the section is a courtesy of toolchains, and anybody may write anything into it.
func producers(r *wasmbin.Reader) []Producer {
	var out []Producer
	for range r.Count(2, "fields") {
		field := r.Name()
		for range r.Count(2, "producers") {
			p := Producer{Field: field, Name: r.Name(), Version: r.Name()}
			if r.Err() != nil || len(out) == maxProducers {
				return out
			}
			p.Field, p.Name, p.Version = show(p.Field), show(p.Name), show(p.Version)
			out = append(out, p)
		}
	}
	return out
}

// show makes a string of the module fit for a line of text.
func show(s string) string { return guesttext.Line(s, maxProducer) }
