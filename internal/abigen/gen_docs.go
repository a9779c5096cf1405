package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	docBegin = "<!-- abigen:%s -->"
	docEnd   = "<!-- /abigen -->"
)

// blocks are the tables that a document asks for by name between marker
// comments. Every block has to be used somewhere, and every name has to exist.
func blocks(s *Spec) map[string]string {
	return map[string]string{
		"reserved":   reservedTable(s),
		"statuses":   numbersTable(s.Statuses),
		"levels":     numbersTable(s.LogLevels),
		"exports":    exportsTable(s),
		"error":      fieldsTable(s.ErrorRecord.Fields),
		"roles":      rolesTable(s),
		"interfaces": interfacesTable(s),
		"host-calls": hostCalls(s),
		"role-calls": roleCalls(s),
		"wasi":       wasiTable(s),
		"wasi-const": wasiConst(s),
		"header":     fieldsTable(s.Table.Header),
		"record":     fieldsTable(s.Table.Record),
		"kinds":      kindsTable(s),
		"orders":     numbersTable(s.Table.MapOrders),
		"framing":    fieldsTable(s.Framing.Fields),
	}
}

func reservedTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| names that begin with | where | are for |\n| --- | --- | --- |\n")
	for _, r := range s.Reserved {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.Prefix, strings.Join(r.Kinds, ", "), r.Doc)
	}
	return b.String()
}

// genDocs rewrites the generated parts of every spec/*.md.
func genDocs(root string, s *Spec) ([]output, error) {
	files, err := filepath.Glob(filepath.Join(root, "spec", "*.md"))
	if err != nil {
		return nil, err
	}
	known, used := blocks(s), map[string]bool{}
	var outs []output
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		text, err := fill(string(data), known, used)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		outs = append(outs, output{"spec/" + filepath.Base(f), []byte(text)})
	}
	for name := range known {
		if !used[name] {
			return nil, fmt.Errorf("no document in spec/ has the block %q", name)
		}
	}
	return outs, nil
}

func fill(text string, known map[string]string, used map[string]bool) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "<!-- abigen:")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, rest, ok := strings.Cut(rest, " -->")
		body, found := known[name]
		if !ok || !found {
			return "", fmt.Errorf("no generated block is called %.40q", name)
		}
		_, rest, ok = strings.Cut(rest, docEnd)
		if !ok {
			return "", fmt.Errorf("block %q has no end marker %s", name, docEnd)
		}
		used[name] = true
		fmt.Fprintf(&out, docBegin+"\n%s"+docEnd, name, body)
		text = rest
	}
}

func numbersTable(ns []Number) string {
	var b strings.Builder
	b.WriteString("| value | name | meaning |\n| --: | --- | --- |\n")
	for _, n := range ns {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", n.Value, n.Name, n.Doc)
	}
	return b.String()
}

func fieldsTable(fs []Field) string {
	var b strings.Builder
	b.WriteString("| offset | type | field | value |\n| --: | --- | --- | --- |\n")
	for _, f := range fs {
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s |\n", f.Offset, f.Type, f.Name, f.Doc)
	}
	return b.String()
}

func exportsTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| export | type | | meaning |\n| --- | --- | --- | --- |\n")
	for _, e := range s.Exports {
		need, typ := "optional", e.Kind
		if e.Required {
			need = "required"
		}
		if e.Kind == "func" {
			typ = "`" + wasmSig(e.Params, e.Results) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, typ, need, e.Doc)
	}
	return b.String()
}

func rolesTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| role | exports | instances | meaning |\n| --- | --- | --- | --- |\n")
	for _, r := range s.Roles {
		var names []string
		for _, c := range r.Calls {
			names = append(names, "`"+r.Prefix+c.Name+"`")
		}
		inst := "one each"
		if r.Pooled {
			inst = "pooled"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, strings.Join(names, ", "), inst, r.Doc)
	}
	return b.String()
}

func interfacesTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| interface | functions | granted | meaning |\n| --- | --- | --- | --- |\n")
	for _, i := range s.Interfaces {
		var names []string
		for _, c := range i.Calls {
			names = append(names, "`"+c.Name+"`")
		}
		grant := "by a binding"
		if i.Pure {
			grant = "always"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", i.Name, strings.Join(names, ", "), grant, i.Doc)
	}
	return b.String()
}

func hostCalls(s *Spec) string {
	var b strings.Builder
	for _, i := range s.Interfaces {
		for _, c := range i.Calls {
			callBlock(&b, i.Name+" "+c.Name, c)
		}
	}
	return b.String()
}

func roleCalls(s *Spec) string {
	var b strings.Builder
	for _, r := range s.Roles {
		for _, c := range r.Calls {
			callBlock(&b, r.Prefix+c.Name, c)
		}
	}
	return b.String()
}

// callBlock is the uniform description of one call.
func callBlock(b *strings.Builder, title string, c Call) {
	fmt.Fprintf(b, "#### `%s`\n\n`%s`, since v%d: %s.\n\n", title, wasmSig(c.Params, c.Results), c.Since, c.Doc)
	for _, p := range c.Params {
		fmt.Fprintf(b, "- param `%s` (%s): %s\n", p.Name, p.Type, p.Doc)
	}
	for _, p := range c.Results {
		fmt.Fprintf(b, "- result (%s): %s\n", p.Type, p.Doc)
	}
	for _, e := range c.Errors {
		fmt.Fprintf(b, "- status `%s`: %s\n", e.Status, e.When)
	}
	if c.Notes != "" {
		fmt.Fprintf(b, "\n%s\n", c.Notes)
	}
	b.WriteString("\n")
}

func wasmSig(params, results []Param) string {
	types := func(ps []Param) string {
		var out []string
		for _, p := range ps {
			out = append(out, p.Type)
		}
		return "(" + strings.Join(out, ", ") + ")"
	}
	return types(params) + " -> " + types(results)
}

func wasiTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| function | parameters | answer |\n| --- | --- | --- |\n")
	for _, f := range s.WASI.Functions {
		params := "–"
		if f.Params != "" {
			params = "`" + strings.Join(strings.Fields(f.Params), ", ") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, params, f.Doc)
	}
	return b.String()
}

func wasiConst(s *Spec) string {
	var b strings.Builder
	b.WriteString("| constant | value |\n| --- | --- |\n")
	fmt.Fprintf(&b, "| version of the set | %d |\n", s.WASI.Set)
	fmt.Fprintf(&b, "| clock at instantiation, ns since 1970-01-01T00:00:00Z | %d |\n", s.WASI.ClockStart)
	fmt.Fprintf(&b, "| clock resolution, ns | %d |\n", s.WASI.ClockResolution)
	fmt.Fprintf(&b, "| random seed, hexadecimal | `%s` |\n", s.WASI.RandomSeed)
	fmt.Fprintf(&b, "| most vectors in one read or write | %d |\n", s.WASI.IovsMax)
	fmt.Fprintf(&b, "| most subscriptions in one poll | %d |\n", s.WASI.SubscriptionsMax)
	var es []string
	for _, e := range s.WASI.Errnos {
		es = append(es, fmt.Sprintf("%s %d", e.Name, e.Value))
	}
	fmt.Fprintf(&b, "| errno | %s |\n", strings.Join(es, ", "))
	return b.String()
}

func kindsTable(s *Spec) string {
	var b strings.Builder
	b.WriteString("| kind | name | flags | n | value | meaning |\n| --: | --- | --- | --- | --- | --- |\n")
	for _, k := range s.Table.Kinds {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %s | %s |\n", k.Value, k.Name, k.Flags, k.N, k.V, k.Doc)
	}
	return b.String()
}
