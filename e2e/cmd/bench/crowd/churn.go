package crowd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
)

// Churn replaces one endpoint of one Service after another, so many a second.
// When the API does not keep up, there are fewer: the caller is told.
func (c *Crowd) Churn(ctx context.Context, ch desk.Churn) (desk.Churned, error) {
	begin, n := time.Now(), int(ch.For.Seconds()*float64(ch.Rate))
	due := make(chan struct{}, writers)
	errs := make([]error, writers)
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for range due {
				errs[w] = errors.Join(errs[w], c.change(ctx))
			}
		})
	}
	for k := range n {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(begin.Add(time.Duration(k) * time.Second / time.Duration(ch.Rate)))):
			due <- struct{}{}
		}
	}
	close(due)
	work.Wait()
	return desk.Churned{Changes: n, Took: time.Since(begin)}, errors.Join(errors.Join(errs...), ctx.Err())
}

// stride visits the Services in an order that is not that of their names. It
// has no factor in common with any size.
const stride = 7919

func (c *Crowd) change(ctx context.Context) error {
	i := int(c.next.Add(1)) * stride % c.size.Services
	return c.write(ctx, crowdName(i), endpoints(i, c.size.Endpoints, int(c.changed[i].Add(1))), false)
}
