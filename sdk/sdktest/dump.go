//go:build !wasip1

package sdktest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/iprt/iprt/abi"
)

// Dump writes a token table on one line, for tests to compare: null, true, 12,
// -3, 1.5, "text", b'00ff', link'0155…', [a, b], {"k": v}. Integers and floats
// differ by a point or an exponent. What cannot be read shows as !error.
func Dump(table, block []byte) string {
	r, err := abi.NewTableReader(table, block)
	if err != nil {
		return "!" + err.Error()
	}
	d := dumper{r: r}
	if _, err := d.value(0); err != nil {
		fmt.Fprintf(&d.out, "!%v", err)
	}
	return d.out.String()
}

type dumper struct {
	r   *abi.TableReader
	out strings.Builder
}

// value writes record i and gives the index after it.
func (d *dumper) value(i int) (int, error) {
	rec, err := d.r.At(i)
	if err != nil {
		return 0, err
	}
	switch rec.Kind {
	case abi.KindList:
		return d.container(i, rec, '[', ']')
	case abi.KindMap:
		return d.container(i, rec, '{', '}')
	}
	return i + 1, d.scalar(rec)
}

func (d *dumper) container(i int, rec abi.Record, open, end byte) (int, error) {
	d.out.WriteByte(open)
	var err error
	first := true
	for i++; i < rec.End(); first = false {
		if !first {
			d.out.WriteString(", ")
		}
		if i, err = d.value(i); err != nil {
			return 0, err
		}
		if rec.Kind == abi.KindMap {
			d.out.WriteString(": ")
			if i, err = d.value(i); err != nil {
				return 0, err
			}
		}
	}
	d.out.WriteByte(end)
	return i, nil
}

func (d *dumper) scalar(rec abi.Record) error {
	switch rec.Kind {
	case abi.KindNull:
		d.out.WriteString("null")
	case abi.KindBool:
		d.out.WriteString(strconv.FormatBool(rec.Bool()))
	case abi.KindUint:
		d.out.WriteString(strconv.FormatUint(rec.Value, 10))
	case abi.KindNint:
		if v := rec.Value + 1; v != 0 {
			d.out.WriteString("-" + strconv.FormatUint(v, 10))
		} else {
			d.out.WriteString("-18446744073709551616")
		}
	case abi.KindFloat:
		text := strconv.FormatFloat(rec.Float(), 'g', -1, 64)
		if strings.Trim(text, "-0123456789") == "" {
			text += ".0"
		}
		d.out.WriteString(text)
	default:
		return d.data(rec)
	}
	return nil
}

func (d *dumper) data(rec abi.Record) error {
	b, err := d.r.Data(rec)
	if err != nil {
		return err
	}
	switch rec.Kind {
	case abi.KindString:
		d.text(string(b))
	case abi.KindBytes:
		fmt.Fprintf(&d.out, "b'%x'", b)
	default:
		fmt.Fprintf(&d.out, "link'%x'", b)
	}
	return nil
}

// text writes a string as JSON does, escaping only what has to be.
func (d *dumper) text(s string) {
	d.out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			d.out.WriteByte('\\')
			d.out.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&d.out, "\\u%04x", r)
		default:
			d.out.WriteRune(r)
		}
	}
	d.out.WriteByte('"')
}
