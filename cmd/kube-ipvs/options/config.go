package options

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kube-proxy/config/v1alpha1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const (
	configVersion = "kubeproxy.config.k8s.io/v1alpha1"
	configKind    = "KubeProxyConfiguration"

	healthzPort = 10256
	metricsPort = 10249

	masqueradeBit = 14
)

// setDefaults fills in what c leaves open, as kube-proxy does. One difference
// is that ipvs.minSyncPeriod stays 0 whether there is a file or not: kube-proxy
// makes it one second for those who use flags. Listening addresses are left
// for later, because an empty flag turns them off.
func setDefaults(c *v1alpha1.KubeProxyConfiguration) {
	c.APIVersion, c.Kind = configVersion, configKind
	setDefaultTexts(c)
	orElse(&c.ClientConnection.QPS, 5)
	orElse(&c.ClientConnection.Burst, 10)
	orElse(&c.ConfigSyncPeriod.Duration, 15*time.Minute)
	orElse(&c.OOMScoreAdj, new(int32(-999)))

	orElse(&c.IPTables.MasqueradeBit, new(int32(masqueradeBit)))
	orElse(&c.IPTables.SyncPeriod.Duration, 30*time.Second)
	orElse(&c.IPTables.MinSyncPeriod.Duration, time.Second)
	orElse(&c.IPVS.SyncPeriod.Duration, 30*time.Second)

	orElse(&c.Conntrack.MaxPerCore, new(int32(32*1024)))
	orElse(&c.Conntrack.Min, new(int32(128*1024)))
	orElse(&c.Conntrack.TCPEstablishedTimeout, &metav1.Duration{Duration: 24 * time.Hour})
	orElse(&c.Conntrack.TCPCloseWaitTimeout, &metav1.Duration{Duration: time.Hour})
}

// setDefaultTexts fills in what an empty flag leaves open, too.
func setDefaultTexts(c *v1alpha1.KubeProxyConfiguration) {
	orElse(&c.BindAddress, "0.0.0.0")
	orElse(&c.ClientConnection.ContentType, "application/vnd.kubernetes.protobuf")
	orElse(&c.DetectLocalMode, "ClusterCIDR")
	orElse(&c.IPVS.Scheduler, "rr")
	orElse(&c.Logging.Format, logsapi.DefaultLogFormat)
}

func orElse[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}

// readFile makes the configuration file r's configuration. The flags that count
// beside a file are laid over it. It answers false when the file cannot be used.
func (r *reading) readFile() bool {
	text, err := os.ReadFile(r.line.configFile)
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err
		}
		r.problem("", "--config %q: %v", r.line.configFile, err)
		return false
	}
	c := &v1alpha1.KubeProxyConfiguration{}
	if !r.decode(text, c) {
		return false
	}
	r.text = string(text)
	for _, s := range settings {
		if s.beside && s.field != "" && r.line.given[s.flag] {
			from, to := lookup(&r.line.config, s.field), lookup(c, s.field)
			if patterns, ok := from.(*logsapi.VModuleConfiguration); ok {
				c.Logging.VModule = slices.Concat(*patterns, c.Logging.VModule)
				continue
			}
			reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem())
		}
	}
	setDefaults(c)
	r.config = c
	return true
}

// decode is strict first. What only strictness dislikes is a warning, because
// the file may be made for a newer or an older kube-proxy. It answers false
// when the file cannot be used.
func (r *reading) decode(text []byte, c *v1alpha1.KubeProxyConfiguration) bool {
	file := r.line.configFile
	doc, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		strict := err
		if doc, err = yaml.YAMLToJSON(text); err != nil {
			r.problem("", "%s: %s", file, oneLine(err))
			return false
		}
		r.warn("%s: %s", file, oneLine(strict))
	}
	var is metav1.TypeMeta
	if err := json.Unmarshal(doc, &is); err != nil || is.APIVersion != configVersion || is.Kind != configKind {
		r.problem("", "%s: apiVersion %q, kind %q: must be %s, %s", file, is.APIVersion, is.Kind, configVersion, configKind)
		return false
	}
	dislikes, err := kjson.UnmarshalStrict(doc, c)
	if err != nil {
		*c = v1alpha1.KubeProxyConfiguration{}
		return r.decodeEach(doc, c, err)
	}
	var unknown []string
	for _, d := range dislikes {
		var field kjson.FieldError
		if errors.As(d, &field) {
			unknown = append(unknown, field.FieldPath())
		}
	}
	if unknown != nil {
		r.warn("%s: unknown fields without effect: %s", file, strings.Join(unknown, ", "))
	}
	return true
}

// decodeEach decodes field by field what could not be decoded as a whole, in
// order to name each field at fault. whole is what was wrong with the whole.
func (r *reading) decodeEach(doc []byte, c *v1alpha1.KubeProxyConfiguration, whole error) bool {
	before := len(r.problems)
	wrong := func(field string, value []byte, want string) {
		r.problem(field, "%s: %s %s: must be %s", r.line.configFile, field, value, want)
	}
	for _, block := range blocks() {
		if value, there := valueAt(doc, block); there && value[0] != '{' && string(value) != "null" {
			wrong(block, value, "a block of fields")
		}
	}
	for _, s := range settings {
		value, there := valueAt(doc, s.field)
		if s.field == "" || !there || r.of[s.field].flag != s.flag {
			continue
		}
		to := reflect.ValueOf(lookup(c, s.field))
		fresh := reflect.New(to.Type().Elem())
		if err := kjson.UnmarshalCaseSensitivePreserveInts(value, fresh.Interface()); err == nil {
			to.Elem().Set(fresh.Elem())
		} else if s.verdict != quiet {
			wrong(s.field, value, wanted(to.Interface()))
		}
	}
	if len(r.problems) == before {
		r.problem("", "%s: %s", r.line.configFile, oneLine(whole))
		return false
	}
	return true
}

// blocks are the paths that have settings below them.
func blocks() []string {
	var all []string
	for _, s := range settings {
		for path := s.field; strings.Contains(path, "."); {
			path = path[:strings.LastIndex(path, ".")]
			if !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

// valueAt is the JSON of one field of doc, on one line.
func valueAt(doc []byte, path string) ([]byte, bool) {
	for name := range strings.SplitSeq(path, ".") {
		var fields map[string]json.RawMessage
		if json.Unmarshal(doc, &fields) != nil {
			return nil, false
		}
		value, ok := fields[name]
		if !ok {
			return nil, false
		}
		doc = value
	}
	var line bytes.Buffer
	if json.Compact(&line, doc) != nil {
		return nil, false
	}
	return line.Bytes(), true
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// WriteConfig writes the configuration in force into the file asked for.
func (o Options) WriteConfig() error {
	text, err := yaml.Marshal(o.Config)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := os.WriteFile(o.WriteConfigTo, text, 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
