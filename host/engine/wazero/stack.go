package wazero

import (
	"reflect"

	"github.com/tetratelabs/wazero/api"
)

// keptStack is how large the stack of a handle may be, in bytes, for the handle to be kept
// between calls. wazero starts with 10 KiB, doubles, and never gives any of it back.
const keptStack = 256 << 10

// stack is what wazero runs the calls through one handle on. It belongs to the handle, in a
// field that wazero does not export, and is only looked at.
type stack struct {
	field reflect.Value // invalid if it was not found
	unit  uint64        // size of an element in bytes
}

// stackOf finds the stack of a handle. One that is not found, because another wazero keeps it
// elsewhere, counts as too large to keep.
func stackOf(fn api.Function) stack {
	v := reflect.ValueOf(fn)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return stack{}
	}
	field := v.Elem().FieldByName("stack")
	if !field.IsValid() || field.Kind() != reflect.Slice {
		return stack{}
	}
	return stack{field: field, unit: uint64(field.Type().Elem().Size())}
}

// large reports whether the handle should be given up after a call.
func (s *stack) large() bool { return s.unit == 0 || s.size() > keptStack }

// size is that of the stack now, in bytes; 0 if it is not known.
func (s *stack) size() uint64 {
	if s.unit == 0 {
		return 0
	}
	return uint64(s.field.Cap()) * s.unit
}
