package kerneltest

import (
	"context"
	"maps"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// rows are the rows of one kind, and a reconcile.Kind.
type rows[K, V comparable] struct {
	k       *Kernel
	name    string
	check   func(K, V) error
	deleted func(K)
	held    map[K]V
}

func newRows[K, V comparable](k *Kernel, name string, check func(K, V) error) rows[K, V] {
	return rows[K, V]{k: k, name: name, check: check, held: map[K]V{}}
}

func (r *rows[K, V]) List(context.Context) (map[K]V, error) {
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	if err := r.k.call("list " + r.name); err != nil {
		return nil, err
	}
	return maps.Clone(r.held), nil
}

// parted are rows that can be asked for a part of them, and a reconcile.Looker.
type parted[P, K, V comparable] struct {
	rows[K, V]
	part func(K) P
}

// Look answers with all rows of the parts that the keys belong to.
func (p *parted[P, K, V]) Look(_ context.Context, keys []K) (map[K]V, error) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if err := p.k.call("look for " + p.name); err != nil {
		return nil, err
	}
	parts, found := map[P]bool{}, map[K]V{}
	for _, k := range keys {
		parts[p.part(k)] = true
	}
	for k, v := range p.held {
		if parts[p.part(k)] {
			found[k] = v
		}
	}
	return found, nil
}

func (r *rows[K, V]) Apply(_ context.Context, ops []reconcile.Op[K, V]) []error {
	r.k.mu.Lock()
	defer r.k.mu.Unlock()
	errs := make([]error, len(ops))
	for i, op := range ops {
		if errs[i] = r.k.call(op.Verb.String() + " " + r.name); errs[i] == nil {
			errs[i] = r.apply(op)
		}
	}
	return errs
}

func (r *rows[K, V]) apply(op reconcile.Op[K, V]) error {
	if op.Verb == reconcile.Delete {
		delete(r.held, op.Key)
		if r.deleted != nil {
			r.deleted(op.Key)
		}
		return nil
	}
	if err := r.check(op.Key, op.Value); err != nil {
		return err
	}
	r.held[op.Key] = op.Value
	return nil
}
