package proxier_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A package, a file and a type are small enough to be held in the head.
const (
	mostFiles  = 15  // of a package, without its tests
	mostLines  = 300 // of a file
	mostFields = 15  // of a type below proxier
)

// oversized are the exceptions, each with its reason. One that is not needed any
// more has to go.
var oversized = map[string]string{
	"proxier/snapshot.Daemon":          "one JSON object, whose fields users read by name",
	"proxier/kernel/kerneltest.Kernel": "a kernel in memory has all that a kernel has",
}

// TestSizes fails for what has grown past its bound, and for an exception that is
// not needed any more.
func TestSizes(t *testing.T) {
	found := map[string]string{}
	files := map[string]int{}
	for _, root := range []string{"../cmd", "../ipset", "../proxier"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../")
			dir := filepath.ToSlash(filepath.Dir(name))
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if n := bytes.Count(text, []byte("\n")); n > mostLines {
				found[name] = fmt.Sprintf("%d lines, want at most %d", n, mostLines)
			}
			if strings.HasSuffix(name, "_test.go") {
				return nil
			}
			files[dir]++
			if strings.HasPrefix(dir, "proxier") {
				maps.Copy(found, wideTypes(t, dir, text))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, n := range files {
		if n > mostFiles {
			found[dir] = fmt.Sprintf("%d files without its tests, want at most %d", n, mostFiles)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, excepted := oversized[name]; !excepted {
			t.Errorf("%s has %s", name, found[name])
		}
	}
	for name := range oversized {
		if _, needed := found[name]; !needed {
			t.Errorf("%s is within its bounds: take it out of the exceptions", name)
		}
	}
	if own := files["proxier"]; own > 10 {
		t.Errorf("proxier itself has %d files without its tests, want at most 10", own)
	}
}

// wideTypes are the structs of a file that have too many fields.
func wideTypes(t *testing.T, dir string, text []byte) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), dir, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			most := mostFields
			if dir+"."+spec.Name.Name == "proxier.Proxier" {
				most = 12
			}
			if of, ok := spec.Type.(*ast.StructType); ok && of.Fields != nil && fields(of) > most {
				found[dir+"."+spec.Name.Name] = fmt.Sprintf("%d fields, want at most %d", fields(of), most)
			}
		}
		return true
	})
	return found
}

// fields counts embedded ones too.
func fields(of *ast.StructType) (n int) {
	for _, f := range of.Fields.List {
		n += max(1, len(f.Names))
	}
	return n
}
