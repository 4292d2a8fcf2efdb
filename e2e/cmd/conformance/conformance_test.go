package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../../../"

func table(t *testing.T) []row {
	t.Helper()
	rows, err := readRows(text)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The promises are numbered with gaps. Faults that were reported of other proxies
// come behind them, all of K01 to K99.
var numbers = [][2]int{
	{1, 12}, {20, 41}, {50, 62}, {70, 95}, {100, 109}, {120, 125}, {130, 136}, {140, 147}, {150, 156}, {160, 184},
}

func TestEachPromiseHasOneRow(t *testing.T) {
	var want, got []string
	for _, n := range numbers {
		for id := n[0]; id <= n[1]; id++ {
			want = append(want, fmt.Sprint("B", id))
		}
	}
	for id := 1; id <= 99; id++ {
		want = append(want, fmt.Sprintf("K%02d", id))
	}
	for _, r := range table(t) {
		got = append(got, r.ID)
		if len(r.Rows)+len(r.Packets) == 0 && r.result("6.1") == notRun {
			t.Errorf("%s: no test, and neither limit nor not yet", r.ID)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %v,\nwant %v", got, want)
	}
}

func TestWhatRowsNameExists(t *testing.T) {
	folders := map[string]*folder{}
	for _, r := range table(t) {
		for _, named := range slices.Concat(r.Rows, r.Packets) {
			if folders[named.Folder] == nil {
				folders[named.Folder] = read(t, named.Folder)
			}
			if problem := folders[named.Folder].lacks(named); problem != "" {
				t.Errorf("%s: %s: %s", r.ID, named.Text, problem)
			}
		}
	}
}

// folder is what its test files hold.
type folder struct {
	tests  map[string]bool
	words  []string // string literals
	source string
}

// read looks at the whole package: subtests' names may stand in another file.
func read(t *testing.T, name string) *folder {
	t.Helper()
	f := &folder{tests: map[string]bool{}}
	paths, err := filepath.Glob(root + name + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Go files in %s: %v", name, err)
	}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.source += string(source)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				f.tests[n.Name.Name] = strings.HasSuffix(path, "_test.go") && n.Recv == nil
			case *ast.BasicLit:
				if word, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					f.words = append(f.words, word)
				}
			}
			return true
		})
	}
	return f
}

// lacks says what of a named test is missing, or nothing. Of a subtest's name at
// least a part must be spelled out somewhere.
func (f *folder) lacks(named test) string {
	name, sub, _ := strings.Cut(named.Name, "/")
	part := func(word string) bool { return word == sub || len(word) > 5 && strings.Contains(sub, word) }
	switch words := strings.Fields(named.Case); {
	case !f.tests[name]:
		return "there is no such test"
	case named.File != "":
		if _, err := os.Stat(root + named.File); err != nil {
			return err.Error()
		}
	case len(words) == 3 && !strings.Contains(f.source, fmt.Sprintf("{%q, %q, %s,", words[0], words[1], words[2])):
		return "there is no such case"
	case sub != "" && !slices.ContainsFunc(f.words, part):
		return "there is no such subtest"
	}
	return ""
}

func TestThePageIsThatOfTheTable(t *testing.T) {
	page, err := os.ReadFile(root + "docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	kernel := ""
	if found := regexp.MustCompile(`(?m)^Packets were sent on Linux (.*)\.$`).FindSubmatch(page); found != nil {
		kernel = string(found[1])
	}
	if string(page) != render(table(t), kernel) {
		t.Error("docs/conformance.md is not what rows.txt says: run make conformance")
	}
}

func TestOnlyWhatHasPassedCounts(t *testing.T) {
	rows, err := readRows("B1 | x | plan/B1-x.txtar; watch/TestA/one two | e2e/TestB |")
	if err != nil {
		t.Fatal(err)
	}
	unit := `{"Action":"pass","Package":"` + module + `proxier/plan","Test":"TestGolden/B1-x"}
{"Action":"pass","Package":"` + module + `proxier/watch","Test":"TestA/one_two"}
`
	for name, c := range map[string]struct{ unit, report, problem string }{
		"all":                {unit, "--- PASS\n\nOn Linux 6.1:\n  ok      e2e: TestB\n", ""},
		"no report":          {unit, "", ""},
		"failed":             {unit, "On Linux 6.1:\n  FAILED  e2e: TestB\n", "B1: e2e/TestB: failed"},
		"skipped":            {strings.Replace(unit, "pass", "skip", 1), "", "B1: plan/B1-x.txtar: skipped"},
		"renamed":            {strings.Replace(unit, "two", "three", 1), "", "B1: watch/TestA/one two: was not run, or has another name"},
		"report without end": {unit, "--- PASS: TestB\n", "it has no list of what was shown on which kernel"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for base, data := range map[string]string{"unit": c.unit, "report": c.report} {
				files[base] = filepath.Join(t.TempDir(), base)
				if err := os.WriteFile(files[base], []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			said, kernel := verdicts{}, ""
			err := said.readUnit(files["unit"])
			if err == nil && c.report != "" {
				kernel, err = said.readReport(files["report"])
			}
			if err == nil {
				err = said.check(rows, kernel != "")
			}
			if got := fmt.Sprint(err); err == nil && c.problem != "" || err != nil && got != c.problem {
				t.Errorf("got %q, want %q", got, c.problem)
			}
		})
	}
}
