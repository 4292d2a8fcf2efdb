package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
)

const (
	module = "github.com/kube-ipvs/kube-ipvs/"
	passed = "passed"
)

// verdicts are what became of tests, by key.
type verdicts map[string]string

// readUnit reads the output of go test -json.
func (v verdicts) readUnit(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	words := map[string]string{"pass": passed, "fail": "failed", "skip": "skipped"}
	for events := json.NewDecoder(f); ; {
		var e struct{ Action, Package, Test string }
		if err := events.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if word := words[e.Action]; word != "" && e.Test != "" {
			v[key(strings.TrimPrefix(e.Package, module), e.Test)] = word
		}
	}
}

// readReport reads the list that ends the output of e2e/report, and answers
// with the kernel that it is about.
func (v verdicts) readReport(file string) (kernel string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if k, ok := strings.CutPrefix(line, "On Linux "); ok {
			kernel = strings.TrimSuffix(k, ":")
		}
		for begin, word := range map[string]string{"  ok ": passed, "  FAILED ": "failed", "  SKIPPED ": "skipped"} {
			rest, ok := strings.CutPrefix(line, begin)
			if folder, name, named := strings.Cut(strings.TrimSpace(rest), ": "); ok && named && kernel != "" {
				v[key(folder, name)] = word
			}
		}
	}
	if kernel == "" {
		return "", errors.New("it has no list of what was shown on which kernel")
	}
	return kernel, nil
}
