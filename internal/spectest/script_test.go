package spectest

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The scripts are what wast2json makes of the suite's .wast files:
// https://github.com/WebAssembly/wabt/blob/main/docs/wast2json.md

type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type       string  `json:"type"`
	Line       int     `json:"line"`
	Name       string  `json:"name"`
	As         string  `json:"as"`
	File       string  `json:"filename"`
	ModuleType string  `json:"module_type"` // "text" is not for us: no parser of the text format is tested here
	Text       string  `json:"text"`
	Action     action  `json:"action"`
	Expected   []value `json:"expected"`
}

type action struct {
	Type   string  `json:"type"` // "invoke" or "get"
	Module string  `json:"module"`
	Field  string  `json:"field"`
	Args   []value `json:"args"`
}

type value struct {
	Type  string          `json:"type"`
	Lane  string          `json:"lane_type"` // of a v128
	Value json.RawMessage `json:"value"`     // a string, or one per lane
}

func readScript(t testing.TB, file string) script {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// lane is one number of a value: bits, or a class of NaNs.
type lane struct {
	width int
	bits  uint64
	nan   string // "nan:canonical", "nan:arithmetic" or ""
	any   bool   // any reference that is not null
}

func (v value) lanes(t testing.TB) []lane {
	t.Helper()
	if v.Type == "v128" {
		var texts []string
		if err := json.Unmarshal(v.Value, &texts); err != nil {
			t.Fatal(err)
		}
		lanes := make([]lane, len(texts))
		for i, text := range texts {
			lanes[i] = number(t, text, width(t, v.Lane))
		}
		return lanes
	}
	var text string
	if len(v.Value) != 0 {
		if err := json.Unmarshal(v.Value, &text); err != nil {
			t.Fatal(err)
		}
	}
	switch v.Type {
	case "externref", "funcref":
		if text == "null" {
			return []lane{{width: 64}}
		}
		if v.Type == "funcref" || text == "" {
			return []lane{{width: 64, any: true}}
		}
		l := number(t, text, 64)
		l.bits++ // wazero's null is 0, the suite's references start at 0
		return []lane{l}
	}
	return []lane{number(t, text, width(t, v.Type))}
}

func width(t testing.TB, typ string) int {
	t.Helper()
	w, err := strconv.Atoi(typ[1:])
	if err != nil {
		t.Fatalf("type %q: %v", typ, err)
	}
	return w
}

func number(t testing.TB, text string, width int) lane {
	t.Helper()
	if strings.HasPrefix(text, "nan") {
		return lane{width: width, nan: text, bits: quietNaN(width)}
	}
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, 10, width)
		if err != nil {
			t.Fatal(err)
		}
		return lane{width: width, bits: uint64(n) & mask(width)}
	}
	n, err := strconv.ParseUint(text, 10, width)
	if err != nil {
		t.Fatal(err)
	}
	return lane{width: width, bits: n}
}

func mask(width int) uint64 { return math.MaxUint64 >> (64 - width) }

func quietNaN(width int) uint64 {
	if width == 32 {
		return 0x7fc00000
	}
	return 0x7ff8000000000000
}

// words packs values as wazero takes and gives them: 64 bits each, two for a v128.
func words(t testing.TB, vs []value) []uint64 {
	t.Helper()
	var out []uint64
	for _, v := range vs {
		lanes := v.lanes(t)
		if v.Type != "v128" {
			out = append(out, lanes[0].bits)
			continue
		}
		var halves [2]uint64
		for i, l := range lanes {
			at := i * l.width
			halves[at/64] |= l.bits << (at % 64)
		}
		out = append(out, halves[:]...)
	}
	return out
}

// matches holds results to what a script expects.
func matches(t testing.TB, got []uint64, want []value) bool {
	t.Helper()
	for _, v := range want {
		n := 1
		if v.Type == "v128" {
			n = 2
		}
		if len(got) < n {
			return false
		}
		for i, l := range v.lanes(t) {
			at := i * l.width
			if !l.matches(got[at/64] >> (at % 64) & mask(l.width)) {
				return false
			}
		}
		got = got[n:]
	}
	return len(got) == 0
}

func (l lane) matches(bits uint64) bool {
	sign := uint64(1) << (l.width - 1)
	switch {
	case l.any:
		return bits != 0
	case l.nan == "nan:canonical":
		return bits&^sign == quietNaN(l.width)
	case l.nan == "nan:arithmetic":
		return bits&quietNaN(l.width) == quietNaN(l.width)
	}
	return bits == l.bits
}
