package apistub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Load sets every object of the YAML and JSON files in a folder, in the order
// of their names. A file that does not hold what is served here is an error and
// leaves all as it was.
func (s *Stub) Load(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("load objects: %w", err)
	}
	var objs []runtime.Object
	for _, e := range entries {
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("load objects: %w", err)
		}
		found, err := Parse(text)
		if err != nil {
			return fmt.Errorf("load objects of %s: %w", path, err)
		}
		for _, obj := range found {
			if _, _, err := object(obj); err != nil {
				return fmt.Errorf("load objects of %s: %w", path, err)
			}
		}
		objs = append(objs, found...)
	}
	for _, obj := range objs {
		if err := s.Set(obj); err != nil {
			return err
		}
	}
	return nil
}

// Parse reads objects from YAML documents or JSON; a List counts as its items.
func Parse(text []byte) ([]runtime.Object, error) {
	var objs []runtime.Object
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objs, nil
		}
		if err != nil {
			return nil, err
		}
		if len(u.Object) == 0 {
			continue // nothing between two dividers
		}
		if !u.IsList() {
			objs = append(objs, u)
			continue
		}
		if err := u.EachListItem(func(o runtime.Object) error { objs = append(objs, o); return nil }); err != nil {
			return nil, err
		}
	}
}
