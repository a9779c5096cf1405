package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk"
)

// csvCodec maps RFC 4180 text to a list of lists of strings and back.
type csvCodec struct{}

// Decode reads records of any width. Blank lines are not records. A line
// break inside a field reads as a line feed, however it was written, except
// after a second carriage return: what that reads as could not be written.
func (csvCodec) Decode(w *abi.TableWriter, block, params []byte) error {
	if err := noParams(params); err != nil {
		return err
	}
	if !utf8.Valid(block) {
		return sdk.Errorf(abi.StatusInvalid, "csv: not valid UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(block))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	lines, commas := bytes.Count(block, []byte("\n")), bytes.Count(block, []byte(","))
	w.Grow(2*lines+commas+3, len(block))
	w.BeginList()
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			w.End()
			return nil
		}
		if err != nil {
			return sdk.Errorf(abi.StatusInvalid, "csv: %v", err)
		}
		w.BeginList()
		for _, field := range record {
			if strings.Contains(field, "\r\n") {
				line, _ := r.FieldPos(0)
				return sdk.Errorf(abi.StatusInvalid, "csv: record on line %d: a line in a field ends in two carriage returns and a line feed, expected at most one", line)
			}
			w.String(field)
		}
		w.End()
	}
}

// Encode writes one line per inner list, ended by a line feed, with quotes
// only where they are needed. What it writes reads back as the same data, so
// it refuses what the format would change.
func (csvCodec) Encode(dst []byte, t *abi.TableReader, params []byte) ([]byte, error) {
	if err := noParams(params); err != nil {
		return nil, err
	}
	root, err := t.At(0)
	if err != nil {
		return nil, err
	}
	if root.Kind != abi.KindList {
		return nil, sdk.Errorf(abi.StatusInvalid, "csv: the root is a %s, expected a list of lists of strings", root.Kind)
	}
	out := bytes.NewBuffer(dst)
	w := csv.NewWriter(out)
	var record []string
	for i, row := 1, 1; i < root.End(); row++ {
		record, i, err = readRow(t, i, row, record[:0])
		if err != nil {
			return nil, err
		}
		if len(record) == 1 && record[0] == "" {
			// A lone empty field needs quotes, or its line would be blank.
			w.Flush()
			out.WriteString("\"\"\n")
			continue
		}
		if err := w.Write(record); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// readRow reads the list at record i and gives the index after it.
func readRow(t *abi.TableReader, i, row int, record []string) ([]string, int, error) {
	list, err := t.At(i)
	if err != nil {
		return nil, 0, err
	}
	if list.Kind != abi.KindList {
		return nil, 0, sdk.Errorf(abi.StatusInvalid, "csv: row %d is a %s, expected a list of strings", row, list.Kind)
	}
	if list.N == 0 {
		return nil, 0, sdk.Errorf(abi.StatusInvalid, "csv: row %d is empty, which CSV cannot say", row)
	}
	for i++; i < list.End(); i++ {
		rec, err := t.At(i)
		if err != nil {
			return nil, 0, err
		}
		if rec.Kind != abi.KindString {
			return nil, 0, sdk.Errorf(abi.StatusInvalid, "csv: row %d holds a %s, expected strings", row, rec.Kind)
		}
		field, err := t.Data(rec)
		if err != nil {
			return nil, 0, err
		}
		if bytes.Contains(field, []byte("\r\n")) {
			return nil, 0, sdk.Errorf(abi.StatusInvalid, "csv: row %d holds a carriage return and line feed, which would read back as a line feed", row)
		}
		record = append(record, string(field))
	}
	return record, list.End(), nil
}

func noParams(params []byte) error {
	if len(params) > 0 {
		return sdk.Errorf(abi.StatusInvalid, "csv: takes no parameters")
	}
	return nil
}
