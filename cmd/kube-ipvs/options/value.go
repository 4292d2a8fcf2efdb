package options

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logsapi "k8s.io/component-base/logs/api/v1"
)

// value lets pflag set what a pointer points to.
type value struct{ to any }

func (v value) String() string { return show(v.to) }

// Set adds to lists and maps and replaces everything else. A text that cannot
// be read leaves things as they are.
func (v value) Set(text string) error {
	before := reflect.ValueOf(v.to).Elem().Interface()
	if !assign(v.to, text) {
		reflect.ValueOf(v.to).Elem().Set(reflect.ValueOf(before))
		return fmt.Errorf("must be %s", wanted(v.to))
	}
	return nil
}

// Type is the word in the usage for values that the usage itself does not name.
func (v value) Type() string {
	switch v.to.(type) {
	case *metav1.Duration, **metav1.Duration:
		return "duration"
	case *versionForm:
		return "bool"
	}
	switch kindOf(v.to) {
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Uint32, reflect.Float32:
		return "number"
	default:
		return "text"
	}
}

// versionForm is how --version was asked for.
type versionForm string

// ignored is a text that is never read.
type ignored string

func kindOf(to any) reflect.Kind {
	t := reflect.TypeOf(to).Elem()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind()
}

func assign(to any, text string) (ok bool) {
	switch to := to.(type) {
	case *versionForm:
		*to = versionForm(text)
		return text == "true" || text == "false" || text == "raw"
	case *metav1.Duration:
		d, err := time.ParseDuration(text)
		to.Duration = d
		return err == nil
	case *[]string:
		*to = append(*to, list(text)...)
		return true
	case *map[string]bool:
		return assignBools(to, text)
	case *logsapi.VModuleConfiguration:
		return assignLevels(to, text)
	}
	return assignPlain(reflect.ValueOf(to).Elem(), text)
}

func assignPlain(to reflect.Value, text string) bool {
	switch to.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(to.Type().Elem())
		to.Set(fresh)
		return assign(fresh.Interface(), text)
	case reflect.String:
		to.SetString(text)
		return true
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		to.SetBool(b)
		return err == nil
	case reflect.Int32:
		n, err := strconv.ParseInt(text, 10, 32)
		to.SetInt(n)
		return err == nil
	case reflect.Uint32:
		n, err := strconv.ParseUint(text, 10, 31)
		to.SetUint(n)
		return err == nil
	case reflect.Float32:
		f, err := strconv.ParseFloat(text, 32)
		to.SetFloat(f)
		return err == nil
	default:
		panic(fmt.Sprintf("no text becomes a %v", to.Type()))
	}
}

func assignBools(to *map[string]bool, text string) bool {
	for _, item := range list(text) {
		name, value, _ := strings.Cut(item, "=")
		b, err := strconv.ParseBool(value)
		if err != nil || name == "" {
			return false
		}
		if *to == nil {
			*to = map[string]bool{}
		}
		(*to)[name] = b
	}
	return true
}

func assignLevels(to *logsapi.VModuleConfiguration, text string) bool {
	for _, item := range list(text) {
		pattern, level, _ := strings.Cut(item, "=")
		n, err := strconv.ParseUint(level, 10, 31)
		if err != nil || pattern == "" {
			return false
		}
		*to = append(*to, logsapi.VModuleItem{FilePattern: pattern, Verbosity: logsapi.VerbosityLevel(n)})
	}
	return true
}

// list takes text apart at its commas.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// show is the text that would set a value to what it is.
func show(of any) string {
	switch of := of.(type) {
	case *metav1.Duration:
		return of.Duration.String()
	case *[]string:
		return strings.Join(*of, ",")
	case *map[string]bool:
		var items []string
		for _, name := range slices.Sorted(maps.Keys(*of)) {
			items = append(items, fmt.Sprintf("%s=%t", name, (*of)[name]))
		}
		return strings.Join(items, ",")
	case *logsapi.VModuleConfiguration:
		var items []string
		for _, item := range *of {
			items = append(items, fmt.Sprintf("%s=%d", item.FilePattern, item.Verbosity))
		}
		return strings.Join(items, ",")
	}
	v := reflect.ValueOf(of).Elem()
	if v.Kind() != reflect.Pointer {
		return fmt.Sprint(v.Interface())
	}
	if v.IsNil() {
		return ""
	}
	return show(v.Interface())
}

// wanted says what a value may be, for messages.
func wanted(to any) string {
	switch to.(type) {
	case *versionForm:
		return "true, false or raw"
	case *metav1.Duration, **metav1.Duration:
		return "a duration, such as 30s or 5m"
	case *[]string:
		return "a list of words"
	case *map[string]bool:
		return "names with =true or =false after each"
	case *logsapi.VModuleConfiguration:
		return "file patterns with =level after each"
	}
	switch kindOf(to) {
	case reflect.Bool:
		return "true or false"
	case reflect.Int32:
		return "a whole number"
	case reflect.Uint32:
		return "a whole number that is not negative"
	case reflect.Float32:
		return "a number"
	case reflect.String:
		return "a text"
	default:
		return "what kube-proxy accepts"
	}
}

// lookup is a pointer to the field at a path of JSON names below the struct
// that in points to.
func lookup(in any, path string) any {
	v := reflect.ValueOf(in).Elem()
	for name := range strings.SplitSeq(path, ".") {
		if v = member(v, name); !v.IsValid() {
			panic("no field " + path)
		}
	}
	return v.Addr().Interface()
}

func member(of reflect.Value, name string) reflect.Value {
	for i := range of.NumField() {
		f := of.Type().Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == name {
			return of.Field(i)
		}
		if f.Anonymous && key == "" {
			if v := member(of.Field(i), name); v.IsValid() {
				return v
			}
		}
	}
	return reflect.Value{}
}
