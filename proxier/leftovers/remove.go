package leftovers

import (
	"context"
	"errors"
	"fmt"
)

// Machine is where remains are looked for and removed.
type Machine interface {
	// Scan tells what is there for the scope; Found.Unread says what it could
	// not see.
	Scan(context.Context, Scope) Found
	// Do does one step.
	Do(context.Context, Step) error
}

// Outcome is what has been done and what there is now.
type Outcome struct {
	Done  []Step
	Found Found // by the last look; its Plan says what is left and what stays
}

// rounds are enough when another program changes rules between a look and the
// steps, once or twice.
const rounds = 3

// Remove looks, does what is to be done, and looks again, until nothing is
// left to do or it was in vain. A step that fails does not keep the next from
// being tried. The error says which steps failed in the end; what stays although
// no step is left is none.
func Remove(ctx context.Context, m Machine, scope Scope) (o Outcome, err error) {
	for round := 0; ; round++ {
		o.Found = m.Scan(ctx, scope)
		steps := o.Found.Plan().Steps
		if len(steps) == 0 {
			return o, ctx.Err()
		}
		if round == rounds || ctx.Err() != nil {
			return o, errors.Join(err, ctx.Err())
		}
		err = nil
		for _, step := range steps {
			if failed := m.Do(ctx, step); failed != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", step.title(), failed))
				continue
			}
			o.Done = append(o.Done, step)
		}
	}
}
