package main

import (
	"fmt"
	"path"
	"strings"
)

// modules is a parsed modules.dep: by module name, the file and the files it needs, the nearest need last. What is built
// into the kernel has nothing.
type modules map[string][]string

// parseModules reads the text of a modules.dep.
func parseModules(text string) (modules, error) {
	ms := modules{}
	for line := range strings.Lines(text) {
		file, needs, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			return nil, fmt.Errorf("modules.dep: no colon in %q", line)
		}
		ms[moduleName(file)] = append([]string{file}, strings.Fields(needs)...)
	}
	return ms, nil
}

// builtIn adds the modules of a modules.builtin.
func (ms modules) builtIn(text string) {
	for file := range strings.FieldsSeq(text) {
		ms[moduleName(file)] = nil
	}
}

// order lists the files to load for names, each once and after whatever it needs.
func (ms modules) order(names ...string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		line, ok := ms[name]
		if !ok {
			return fmt.Errorf("modules.dep: no module %s", name)
		}
		if len(line) == 0 {
			return nil
		}
		for _, need := range line[1:] {
			if err := visit(moduleName(need)); err != nil {
				return err
			}
		}
		files = append(files, line[0])
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// moduleName is a module's name by the kernel's spelling, which has no dashes.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
