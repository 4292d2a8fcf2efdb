package wire

import (
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
)

// Subscription is to what the kernel tells by itself.
type Subscription struct {
	stop    chan struct{}
	ending  sync.Once
	running sync.WaitGroup
}

// Subscribe hands each message of the groups to take, from a goroutine of its
// own, until the Subscription is closed. When messages were lost, as happens when
// thousands come at once, anything may have changed of what they are about: that
// is told to lost.
func Subscribe(protocol int, take func(kind uint16, body []byte), lost func(), groups ...uint) (*Subscription, error) {
	socket, err := nl.Subscribe(protocol, groups...)
	if err != nil {
		return nil, err
	}
	if err := socket.SetReceiveBufferSize(receiveBuffer, true); err != nil {
		socket.Close()
		return nil, err
	}
	s := &Subscription{stop: make(chan struct{})}
	s.running.Go(func() {
		<-s.stop
		socket.Close()
	})
	s.running.Go(func() {
		for !s.closed() {
			messages, _, err := socket.Receive()
			if err != nil && !s.closed() {
				lost()
				s.pause(time.Second)
			}
			for _, m := range messages {
				take(m.Header.Type, m.Data)
			}
		}
	})
	return s, nil
}

// Close ends it, and waits for that. It can be repeated.
func (s *Subscription) Close() {
	if s == nil {
		return
	}
	s.ending.Do(func() { close(s.stop) })
	s.running.Wait()
}

func (s *Subscription) closed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// pause waits, but not when s is closed.
func (s *Subscription) pause(d time.Duration) {
	select {
	case <-s.stop:
	case <-time.After(d):
	}
}
