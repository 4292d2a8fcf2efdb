package main

import (
	_ "embed" // rows.txt
	"fmt"
	"path"
	"strings"
)

//go:embed rows.txt
var text string

// row is one promise.
type row struct {
	Part    string // of the page
	ID      string
	Promise string
	Rows    []test // of rows and logic
	Packets []test // with packets on a real kernel
	Remark  string
}

// test is one that a row names.
type test struct {
	Text   string // as in the table
	Folder string
	Name   string // with its subtest, as in the source
	File   string // that it is run from, if so
	Case   string // of a test that has no subtests
}

// key is by what a test is found among those that were run. It does without underscores: go test makes them of spaces, and the report
// spaces of them.
func key(folder, name string) string { return folder + ": " + strings.ReplaceAll(name, "_", " ") }

// rooms are the folders that tests are in, by their last name.
var rooms = map[string]string{
	"apiserver": "cmd/kube-ipvs/apiserver", "cluster": "proxier/cluster", "device": "proxier/kernel/device", "netfilter": "proxier/kernel/netfilter", "rules": "proxier/rules", "xt": "proxier/kernel/xt",
	"host": "proxier/kernel/host", "ipvs": "proxier/kernel/ipvs", "drain": "proxier/drain", "e2e": "e2e", "health": "proxier/health", "kernel": "proxier/kernel", "driftscan": "proxier/driftscan", "node": "proxier/node",
	"kerneltest": "proxier/kernel/kerneltest", "kube-ipvs": "cmd/kube-ipvs", "options": "cmd/kube-ipvs/options", "plan": "proxier/plan",
	"proxier": "proxier", "reconcile": "proxier/reconcile", "leftovers": "proxier/leftovers", "watch": "proxier/watch",
	"wire": "proxier/kernel/wire",
}

// runners are the tests that run the files in testdata, by room.
var runners = map[string]string{"plan": "TestGolden", "proxier": "TestScripts", "leftovers": "TestPlans"}

func readRows(text string) (rows []row, err error) {
	part := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			part = title
		}
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if len(fields) != 5 {
			return nil, fmt.Errorf("%s: %d fields, want 5", fields[0], len(fields))
		}
		r := row{Part: part, ID: fields[0], Promise: fields[1], Remark: fields[4]}
		if r.Rows, err = readTests(fields[2]); err == nil {
			r.Packets, err = readTests(fields[3])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func readTests(field string) (tests []test, err error) {
	if field == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(field, ";") {
		t := test{Text: strings.TrimSpace(text)}
		room, name, _ := strings.Cut(t.Text, "/")
		t.Folder = rooms[room]
		if base, isFile := strings.CutSuffix(name, ".txtar"); isFile {
			t.File = path.Join(t.Folder, "testdata", name)
			name = runners[room] + "/" + base
		}
		t.Name, t.Case, _ = strings.Cut(name, " (")
		t.Case = strings.TrimSuffix(t.Case, ")")
		if t.Folder == "" || !strings.HasPrefix(t.Name, "Test") {
			return nil, fmt.Errorf("%q is not room/Test or room/file.txtar", t.Text)
		}
		tests = append(tests, t)
	}
	return tests, nil
}
