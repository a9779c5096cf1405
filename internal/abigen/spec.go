package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Spec mirrors spec/abi.json. Unknown keys in the file are errors, so that a
// misspelt key cannot silently drop a rule.
type Spec struct {
	ABI    int    `json:"abi"`
	Doc    string `json:"doc"`
	Marker struct {
		Prefix string `json:"prefix"`
		Name   string `json:"name"`
	} `json:"marker"`
	Reserved    []Reserved  `json:"reserved"`
	Statuses    []Number    `json:"statuses"`
	LogLevels   []Number    `json:"log_levels"`
	Exports     []Export    `json:"exports"`
	ErrorRecord ErrorRecord `json:"error_record"`
	Interfaces  []Interface `json:"interfaces"`
	Roles       []Role      `json:"roles"`
	WASI        WASI        `json:"wasi"`
	Table       Table       `json:"token_table"`
	Framing     Framing     `json:"record_framing"`
	Manifest    struct {
		Section string `json:"section"`
		Version int    `json:"version"`
		MaxSize int    `json:"max_size"`
	} `json:"manifest"`
	Envelope struct {
		Key     string `json:"key"`
		Version int    `json:"version"`
	} `json:"envelope"`
}

// Reserved is the beginning of names that modules use only as the ABI says.
type Reserved struct {
	ID     string   `json:"id"`
	Prefix string   `json:"prefix"`
	Kinds  []string `json:"kinds"`
	Doc    string   `json:"doc"`
}

// Number is one row of a table of named numbers.
type Number struct {
	Value uint32 `json:"value"`
	Name  string `json:"name"`
	Doc   string `json:"doc"`
}

// Export is one export that every module has or may have.
type Export struct {
	Name     string  `json:"name"`
	ID       string  `json:"id"`
	Kind     string  `json:"kind"`
	Required bool    `json:"required"`
	Since    int     `json:"since"`
	Params   []Param `json:"params"`
	Results  []Param `json:"results"`
	Doc      string  `json:"doc"`
}

// Param is one parameter or result. Is refines the machine type: "ptr" is an
// address in guest memory.
type Param struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Is   string `json:"is"`
	Doc  string `json:"doc"`
}

// Call is one function of an interface or a role.
type Call struct {
	Name    string     `json:"name"`
	Since   int        `json:"since"`
	Doc     string     `json:"doc"`
	Params  []Param    `json:"params"`
	Results []Param    `json:"results"`
	Errors  []CallFail `json:"errors"`
	Notes   string     `json:"notes"`
}

// CallFail says when a call ends with a status.
type CallFail struct {
	Status string `json:"status"`
	When   string `json:"when"`
}

// Interface is a set of host functions under one import module name.
type Interface struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Pure  bool   `json:"pure"`
	Since int    `json:"since"`
	Doc   string `json:"doc"`
	Calls []Call `json:"calls"`
}

// Role is a set of guest functions under one export prefix.
type Role struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Prefix string `json:"prefix"`
	Pooled bool   `json:"pooled"`
	Since  int    `json:"since"`
	Doc    string `json:"doc"`
	Calls  []Call `json:"calls"`
}

// Field is one field of a memory layout.
type Field struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"`
	Type   string `json:"type"`
	Doc    string `json:"doc"`
}

// ErrorRecord is the layout behind iprt_error.
type ErrorRecord struct {
	TextMax int     `json:"text_max"`
	Fields  []Field `json:"fields"`
}

// WASI is the deterministic preview 1 set.
type WASI struct {
	Module           string   `json:"module"`
	Set              int      `json:"set"`
	ClockStart       uint64   `json:"clock_start"`
	ClockResolution  uint64   `json:"clock_resolution"`
	RandomSeed       string   `json:"random_seed"`
	IovsMax          int      `json:"iovs_max"`
	SubscriptionsMax int      `json:"subscriptions_max"`
	Errnos           []Number `json:"errnos"`
	Functions        []struct {
		Name    string `json:"name"`
		Params  string `json:"params"`
		Results string `json:"results"`
		Doc     string `json:"doc"`
	} `json:"functions"`
}

// Table is the token table's layout.
type Table struct {
	Magic      uint32  `json:"magic"`
	HeaderSize int     `json:"header_size"`
	RecordSize int     `json:"record_size"`
	Header     []Field `json:"header"`
	Record     []Field `json:"record"`
	Kinds      []struct {
		Value uint32 `json:"value"`
		Name  string `json:"name"`
		Flags string `json:"flags"`
		N     string `json:"n"`
		V     string `json:"v"`
		Doc   string `json:"doc"`
	} `json:"kinds"`
	Flags          []Number `json:"flags"`
	MapOrders      []Number `json:"map_orders"`
	CanonicalNaN   string   `json:"canonical_nan"`
	MaxDepth       int      `json:"max_depth"`
	RecordsBase    int      `json:"records_base"`
	RecordsPerByte int      `json:"records_per_byte"`
	HeapBase       int      `json:"heap_base"`
	HeapPerByte    int      `json:"heap_per_byte"`
}

// Framing is the layout of framed records.
type Framing struct {
	HeaderSize int     `json:"header_size"`
	Align      int     `json:"align"`
	Fields     []Field `json:"fields"`
}

func load(path string) (*Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var s Spec
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}

// check holds the rules that a JSON shape cannot: dense statuses, known
// types, statuses that exist, names that cannot collide.
func (s *Spec) check() error {
	status := map[string]bool{}
	for i, n := range s.Statuses {
		if int(n.Value) != i {
			return fmt.Errorf("status %s is %d, but statuses are dense: %d", n.Name, n.Value, i)
		}
		status[n.Name] = true
	}
	if !strings.HasPrefix(s.Marker.Name, s.Marker.Prefix) {
		return fmt.Errorf("marker %q lacks its prefix %q", s.Marker.Name, s.Marker.Prefix)
	}
	seen := map[string]bool{}
	checkCalls := func(owner string, calls []Call) error {
		for _, c := range calls {
			if seen[owner+"."+c.Name] {
				return fmt.Errorf("%s.%s is there twice", owner, c.Name)
			}
			seen[owner+"."+c.Name] = true
			if c.Doc == "" || c.Since == 0 {
				return fmt.Errorf("%s.%s lacks doc or since", owner, c.Name)
			}
			for _, p := range append(c.Params[:len(c.Params):len(c.Params)], c.Results...) {
				if _, err := valType(p.Type); err != nil {
					return fmt.Errorf("%s.%s: %w", owner, c.Name, err)
				}
			}
			for _, e := range c.Errors {
				if !status[e.Status] {
					return fmt.Errorf("%s.%s: no status %q", owner, c.Name, e.Status)
				}
			}
		}
		return nil
	}
	for _, i := range s.Interfaces {
		if err := checkCalls(i.Name, i.Calls); err != nil {
			return err
		}
	}
	for _, r := range s.Roles {
		if err := checkCalls(r.Name, r.Calls); err != nil {
			return err
		}
	}
	for _, f := range s.WASI.Functions {
		if _, err := wasiParams(f.Params); err != nil {
			return fmt.Errorf("wasi %s: %w", f.Name, err)
		}
	}
	return nil
}

// wasiParams reads the short form "name:type name:type". The types ptr, out16,
// out32 and out64 are addresses; the number is the size of what the call
// writes there.
func wasiParams(s string) ([]Param, error) {
	var ps []Param
	for _, f := range strings.Fields(s) {
		name, typ, ok := strings.Cut(f, ":")
		if !ok {
			return nil, fmt.Errorf("parameter %q is not name:type", f)
		}
		p := Param{Name: name, Type: "i32"}
		switch typ {
		case "i32", "i64":
			p.Type = typ
		case "ptr", "out16", "out32", "out64":
			p.Is = typ
		default:
			return nil, fmt.Errorf("parameter %q has an unknown type", f)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// wasiResults is errno for every function but proc_exit.
func wasiResults(results string) []Param {
	if results == "none" {
		return nil
	}
	return []Param{{Name: "errno", Type: "i32"}}
}

// valType gives the Go constant of a core value type.
func valType(t string) (string, error) {
	switch t {
	case "i32":
		return "I32", nil
	case "i64":
		return "I64", nil
	case "f32":
		return "F32", nil
	case "f64":
		return "F64", nil
	}
	return "", fmt.Errorf("unknown value type %q", t)
}

// camel turns NOT_FOUND, not_found or fd_write into NotFound, NotFound, FdWrite.
func camel(s string) string {
	var b strings.Builder
	for _, part := range strings.Split(strings.ToLower(s), "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
