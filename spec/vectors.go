// Package spec gives other packages the test vectors of the specification that
// stands beside it in words. Start with [Vectors]; vectors/README.md says what
// each kind of vector means.
package spec

import (
	"bytes"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed vectors
var embedded embed.FS

// Vector is one file of the vectors.
type Vector struct {
	Name   string            // path below the folder of vectors, without .txt, such as "tokens/map-duplicate-key"
	Kind   string            // what the body is; the name's first part
	Rules  []string          // ids of the rules that it is about, at least one
	Expect string            // the outcome or the class of the failure
	About  string            // one line for people
	Header map[string]string // further fields, by kind
	Body   []byte
}

// Hex gives the bytes of a header field that holds hexadecimal. An absent field
// is empty; anything but hexadecimal is an error.
func (v Vector) Hex(field string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(v.Header[field], " ", ""))
	if err != nil {
		return nil, fmt.Errorf("vector %s: field %s: %w", v.Name, field, err)
	}
	return b, nil
}

// Vectors gives the vectors of one kind, or of all with "", sorted by name.
func Vectors(kind string) ([]Vector, error) {
	dir, err := fs.Sub(embedded, "vectors")
	if err != nil {
		return nil, err
	}
	all, err := LoadFS(dir)
	if err != nil {
		return nil, err
	}
	of := slices.DeleteFunc(all, func(v Vector) bool { return kind != "" && v.Kind != kind })
	if len(of) == 0 {
		return nil, fmt.Errorf("there are no vectors of kind %q", kind)
	}
	return of, nil
}

// Load reads a folder of vectors; see [LoadFS].
func Load(dir string) ([]Vector, error) { return LoadFS(os.DirFS(dir)) }

// LoadFS reads all vectors below a folder, sorted by name. The folder's COUNT
// file says how many of each kind there are, and LoadFS fails when there are
// not: a test cannot pass because it found nothing.
func LoadFS(dir fs.FS) ([]Vector, error) {
	want, err := readCount(dir)
	if err != nil {
		return nil, err
	}
	var vectors []Vector
	have := map[string]int{}
	err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".txt" {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		v, err := parse(strings.TrimSuffix(name, ".txt"), string(data))
		if err != nil {
			return fmt.Errorf("vector %s: %w", name, err)
		}
		vectors = append(vectors, v)
		have[v.Kind]++
		return nil
	})
	if err != nil {
		return nil, err
	}
	for kind := range want {
		if have[kind] != want[kind] {
			return nil, fmt.Errorf("there are %d vectors of kind %s, but COUNT says %d", have[kind], kind, want[kind])
		}
		delete(have, kind)
	}
	for kind := range have {
		return nil, fmt.Errorf("vectors of kind %s are not in COUNT", kind)
	}
	slices.SortFunc(vectors, func(a, b Vector) int { return strings.Compare(a.Name, b.Name) })
	return vectors, nil
}

func readCount(dir fs.FS) (map[string]int, error) {
	data, err := fs.ReadFile(dir, "COUNT")
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for line := range strings.Lines(string(data)) {
		kind, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("COUNT: %q is not a kind and a number above 0", line)
		}
		count[kind] = n
	}
	return count, nil
}

// parse reads one file: "field: value" lines up to an empty one, then
// hexadecimal with white space and comments.
func parse(name, text string) (Vector, error) {
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return Vector{}, fmt.Errorf("there is no empty line after the header")
	}
	v := Vector{Name: name, Header: map[string]string{}}
	for line := range strings.Lines(head) {
		field, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if _, twice := v.Header[field]; !ok || twice {
			return Vector{}, fmt.Errorf("header line %q is not \"field: value\", or is there twice", line)
		}
		v.Header[field] = value
	}
	v.Kind, _, _ = strings.Cut(name, "/")
	v.Expect, v.About = v.Header["expect"], v.Header["about"]
	v.Rules = strings.Fields(v.Header["rules"])
	if v.Expect == "" || v.About == "" || len(v.Rules) == 0 {
		return Vector{}, fmt.Errorf("the header lacks expect, about or rules")
	}
	for line := range strings.Lines(body) {
		code, _, _ := strings.Cut(line, "#")
		for part := range strings.FieldsSeq(code) {
			var err error
			if v.Body, err = appendHex(v.Body, part); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

// maxRepeat bounds what a short vector can become.
const maxRepeat = 1 << 20

// appendHex appends the bytes of one word: hexadecimal, or hexadecimal*count.
func appendHex(dst []byte, word string) ([]byte, error) {
	digits, count, repeated := strings.Cut(word, "*")
	b, err := hex.DecodeString(digits)
	if err != nil || !repeated {
		return append(dst, b...), err
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > maxRepeat {
		return dst, fmt.Errorf("%q is not hexadecimal*count", word)
	}
	return append(dst, bytes.Repeat(b, n)...), nil
}
