package validate

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

func (s *scan) tableSection(r *wasmbin.Reader) error {
	n := r.Count(3, "tables")
	for range n {
		if err := s.table(r, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) memorySection(r *wasmbin.Reader) error {
	n := r.Count(2, "memories")
	for range n {
		if err := s.memory(r, false); err != nil {
			return err
		}
	}
	return nil
}

// table reads the type of a table, imported or defined.
func (s *scan) table(r *wasmbin.Reader, imported bool) error {
	at := r.Offset()
	r.RefType()
	l, err := limits(r, 1<<32-1)
	if err != nil || r.Err() != nil {
		return err
	}
	if n := uint64(len(s.info.Tables)) + 1; n > s.lim.Tables {
		return overLimit("limit.tables", at, n, s.lim.Tables, "tables")
	}
	if uint64(l.Min) > s.lim.TableElements {
		return overLimit("limit.table-min", at, uint64(l.Min), s.lim.TableElements, "initial table elements")
	}
	if uint64(l.Max) > s.lim.TableElements {
		return overLimit("limit.table-max", at, uint64(l.Max), s.lim.TableElements, "table elements as maximum")
	}
	s.info.Tables = append(s.info.Tables, Table{Min: l.Min, Max: l.Max, HasMax: l.HasMax, Imported: imported})
	return nil
}

// memory reads a memory type. There is at most one memory, imported or defined.
func (s *scan) memory(r *wasmbin.Reader, imported bool) error {
	at := r.Offset()
	l, err := limits(r, wasmbin.MaxPages)
	if err != nil || r.Err() != nil {
		return err
	}
	if s.info.Memory != nil {
		return &Error{Rule: "limit.memories", Offset: at, Value: 2, Limit: 1, Msg: "there is a second memory, one is allowed"}
	}
	if uint64(l.Min) > s.lim.InitialPages {
		return overLimit("limit.initial-pages", at, uint64(l.Min), s.lim.InitialPages, "initial pages of memory (64 KiB each)")
	}
	s.info.Memory = &Memory{Min: l.Min, Max: l.Max, HasMax: l.HasMax, Imported: imported}
	return nil
}

func limits(r *wasmbin.Reader, most uint32) (wasmbin.Limits, error) {
	at := r.Offset()
	l := r.Limits()
	switch {
	case r.Err() != nil:
		return l, nil
	case l.Flags&^1 != 0:
		return l, &Error{Rule: "wasm.proposal", Offset: at, Value: uint64(l.Flags), Limit: 1, Msg: limitsProposal(l.Flags)}
	case l.Min > most:
		return l, &Error{Rule: "wasm.limits", Offset: at, Value: uint64(l.Min), Limit: uint64(most), Msg: fmt.Sprintf("the minimum is %d, at most %d is possible", l.Min, most)}
	case l.HasMax && l.Max > most:
		return l, &Error{Rule: "wasm.limits", Offset: at, Value: uint64(l.Max), Limit: uint64(most), Msg: fmt.Sprintf("the maximum is %d, at most %d is possible", l.Max, most)}
	case l.HasMax && l.Max < l.Min:
		return l, &Error{Rule: "wasm.limits", Offset: at, Value: uint64(l.Max), Limit: uint64(l.Min), Msg: fmt.Sprintf("the maximum of %d is below the minimum of %d", l.Max, l.Min)}
	}
	return l, nil
}

func limitsProposal(flags byte) string {
	switch {
	case flags&^7 != 0:
		return fmt.Sprintf("flags 0x%02x are not defined for the limits of a memory or table", flags)
	case flags&4 != 0:
		return "64-bit memories and tables (memory64) are not in core WebAssembly 2.0"
	default:
		return "shared memories (threads) are not in core WebAssembly 2.0"
	}
}
