package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNames: a package is called after what it is about.
func TestNames(t *testing.T) {
	for _, p := range list(t, nil, "./...") {
		for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "misc", "shared"}, name) {
				t.Errorf("%s: %q says nothing", p.ImportPath, name)
			}
		}
	}
}

// TestNoInit: what happens on import is not seen by who reads the code; registries are values, assembled in one function.
// Guest modules are the exception: a module registers what it is before anybody calls it.
func TestNoInit(t *testing.T) {
	guests := rule{packages: "codecs/*", except: []string{"codecs/build", "codecs/codectest"}}
	eachFile(t, func(p pkg, name string, f *ast.File) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !guests.about(p.ImportPath) {
				t.Errorf("%s has an init function", name)
			}
		}
	})
}

// TestNoEngineTypes: no exported declaration below host names a type of an engine, so that a second one can stand in.
func TestNoEngineTypes(t *testing.T) {
	engines := 0
	eachFile(t, func(p pkg, name string, f *ast.File) {
		if !within(p.ImportPath, module+"/host") {
			return
		}
		local := engineImports(f)
		engines += len(local)
		for _, d := range f.Decls {
			for _, expr := range exported(d) {
				ast.Inspect(expr, func(n ast.Node) bool {
					if sel, ok := n.(*ast.SelectorExpr); ok {
						if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(local, x.Name) {
							t.Errorf("%s: exported declaration names %s.%s", name, x.Name, sel.Sel.Name)
						}
					}
					return true
				})
			}
		}
	})
	if engines == 0 {
		t.Error("no file imports an engine: nothing was checked")
	}
}

// engineImports is the names under which a file knows packages of engines.
func engineImports(f *ast.File) (names []string) {
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		if !strings.HasPrefix(p, wazero) && !strings.HasPrefix(p, wasmtime) {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		names = append(names, name)
	}
	return names
}

// exported is the types that a declaration shows: of exported functions, of methods of exported types, of exported types
// without their unexported fields, and of exported variables.
func exported(d ast.Decl) (exprs []ast.Node) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv.List[0].Type)) {
			exprs = append(exprs, d.Type)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
					exprs = append(exprs, s.Type)
				}
			case *ast.TypeSpec:
				if !s.Name.IsExported() {
					continue
				}
				st, ok := s.Type.(*ast.StructType)
				if !ok {
					exprs = append(exprs, s.Type)
					continue
				}
				for _, field := range st.Fields.List {
					if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
						exprs = append(exprs, field.Type)
					}
				}
			}
		}
	}
	return exprs
}

func exportedReceiver(recv ast.Expr) bool {
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	id, ok := recv.(*ast.Ident)
	return !ok || id.IsExported()
}

// eachFile parses the files of the module with every engine in it, tests excluded.
func eachFile(t *testing.T, visit func(p pkg, name string, f *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	for _, p := range listWith(t, true) {
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			visit(p, path.Join(p.ImportPath, name), f)
		}
	}
}
