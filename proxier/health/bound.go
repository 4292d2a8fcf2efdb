package health

import (
	"container/list"
	"net"
	"net/http"
	"sync"
	"time"
)

// What clients may take of us, all of them.
const (
	headerLimit = 10 * time.Second // to ask
	answerLimit = 30 * time.Second // to have read the answer; profiles have the time that they are asked for besides
	idleLimit   = 3 * time.Minute  // between two questions; Prometheus asks every minute
	headerSize  = 16 << 10

	mostConnections = 200 // of one server, or of all health ports together
)

// bound keeps the connections of some servers from becoming too many: the one
// that has been quiet longest is closed for a new one. So no client that holds many
// keeps the kubelet or a load balancer from asking.
type bound struct {
	most int

	mu    sync.Mutex
	open  map[net.Conn]*list.Element
	order list.List // of net.Conn, the one that has been quiet longest first
}

func newBound(most int) *bound { return &bound{most: most, open: map[net.Conn]*list.Element{}} }

// server answers within all limits.
func (b *bound) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ConnState: b.note, MaxHeaderBytes: headerSize,
		ReadTimeout: headerLimit, WriteTimeout: answerLimit, IdleTimeout: idleLimit,
	}
}

// note is told of all that happens to a connection.
func (b *bound) note(c net.Conn, now http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, known := b.open[c]
	switch {
	case now == http.StateClosed || now == http.StateHijacked:
		if known {
			delete(b.open, c)
			b.order.Remove(at)
		}
	case known:
		b.order.MoveToBack(at)
	default:
		if len(b.open) >= b.most {
			quiet := b.order.Remove(b.order.Front()).(net.Conn)
			delete(b.open, quiet)
			_ = quiet.Close() // its server finds out
		}
		b.open[c] = b.order.PushBack(c)
	}
}
