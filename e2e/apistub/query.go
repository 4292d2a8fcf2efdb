package apistub

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// place is what the path of a request names.
type place struct {
	schema.GroupVersionResource
	namespace, name string
}

// placeOf reads /api/v1/… and /apis/GROUP/VERSION/….
func placeOf(path string) (p place, ok bool) {
	words := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(words) >= 3 && words[0] == "api":
		p.Version, words = words[1], words[2:]
	case len(words) >= 4 && words[0] == "apis":
		p.Group, p.Version, words = words[1], words[2], words[3:]
	default:
		return place{}, false
	}
	if len(words) >= 3 && words[0] == "namespaces" {
		p.namespace, words = words[1], words[2:]
	}
	p.Resource = words[0]
	if len(words) > 1 {
		p.name = words[1]
	}
	return p, len(words) <= 2
}

// query is a list or watch request, read.
type query struct {
	place
	kind      kind
	labels    labels.Selector
	fields    fields.Selector
	version   int64 // 0: any
	exact     bool  // the list of just that version
	initial   bool  // a watch begins with all that is there
	bookmarks bool
	ended     bool // a bookmark says where the beginning ends
}

func queryOf(p place, k kind, r *http.Request) (q query, err error) {
	q = query{place: p, kind: k}
	values := r.URL.Query()
	if q.labels, err = labels.Parse(values.Get("labelSelector")); err != nil {
		return q, apierrors.NewBadRequest(fmt.Sprintf("label selector: %v", err))
	}
	if q.fields, err = fields.ParseSelector(values.Get("fieldSelector")); err != nil {
		return q, apierrors.NewBadRequest(fmt.Sprintf("field selector: %v", err))
	}
	for _, term := range q.fields.Requirements() {
		if !slices.Contains(k.fields, term.Field) && term.Field != "metadata.name" && term.Field != "metadata.namespace" {
			return q, apierrors.NewBadRequest(fmt.Sprintf("field label not supported: %s", term.Field))
		}
	}
	if v := values.Get("resourceVersion"); v != "" {
		if q.version, err = strconv.ParseInt(v, 10, 64); err != nil {
			return q, apierrors.NewBadRequest(fmt.Sprintf("resource version %q is not a number", v))
		}
	}
	q.exact = values.Get("resourceVersionMatch") == string(metav1.ResourceVersionMatchExact)
	q.bookmarks = isTrue(values.Get("allowWatchBookmarks"))
	q.ended = isTrue(values.Get("sendInitialEvents"))
	if q.ended && values.Get("resourceVersionMatch") != string(metav1.ResourceVersionMatchNotOlderThan) {
		return q, apierrors.NewBadRequest("sendInitialEvents needs resourceVersionMatch=NotOlderThan")
	}
	// Without a version a watch shows what is there, unless it asks not to.
	q.initial = q.ended || q.version == 0 && values.Get("sendInitialEvents") == ""
	return q, nil
}

func isTrue(s string) bool { return s == "true" || s == "1" }

// wants says whether an object that is there is asked for.
func (q query) wants(u *unstructured.Unstructured) bool {
	return u != nil &&
		(q.namespace == "" || q.namespace == u.GetNamespace()) &&
		(q.name == "" || q.name == u.GetName()) &&
		q.labels.Matches(labels.Set(u.GetLabels())) &&
		q.fields.Matches(fieldsOf{u})
}

// fieldsOf finds an object's fields by their path.
type fieldsOf struct{ *unstructured.Unstructured }

func (f fieldsOf) Has(field string) bool { return f.Get(field) != "" }

func (f fieldsOf) Get(field string) string {
	value, found, err := unstructured.NestedFieldNoCopy(f.Object, strings.Split(field, ".")...)
	if !found || err != nil || value == nil {
		return ""
	}
	return fmt.Sprint(value)
}
