package apiserver

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
)

// Config says how the API server is reached: as kube-proxy reaches it, by
// kubeconfig or master, else as a Pod.
type Config struct {
	Kubeconfig, Master              string
	ContentType, AcceptContentTypes string // of requests, of answers
	QPS                             float32
	Burst                           int
}

// Server is the API server as this process reaches it.
type Server struct {
	Client kubernetes.Interface // for everything but Events
	*reached

	cfg       Config
	userAgent string
}

// Reach makes ready to ask the API server. It asks nothing yet.
func Reach(c Config, userAgent string) (*Server, error) {
	cfg, err := c.rest()
	if err != nil {
		return nil, err
	}
	s := &Server{reached: newReached(cfg), cfg: c, userAgent: userAgent}
	s.Client, err = c.client(userAgent, limits{perSecond: c.QPS, atOnce: c.Burst}, s.dial)
	return s, err
}

// NewRecorder makes one that posts Events with a client of its own.
func (s *Server) NewRecorder() (*Recorder, error) {
	toPost, err := s.cfg.client(s.userAgent, eventLimits, s.dial)
	if err != nil {
		return nil, err
	}
	return newRecorder(&events.EventSinkImpl{Interface: toPost.EventsV1()}, droppedEvents), nil
}

// Address is not valid where the API server has a name, or none is known.
func (c Config) Address() netip.Addr {
	cfg, err := c.rest()
	if err != nil {
		return netip.Addr{}
	}
	at, err := url.Parse(cfg.Host)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.ParseAddr(at.Hostname()) // a name
	return addr
}

// limits are those of one client.
type limits struct {
	perSecond float32
	atOnce    int
	answer    time.Duration // the time for one; zero, as for informers: no limit
}

// client has limits without regard to other clients of ours, so that Events never
// hold up an informer. It connects by dial, or as usual where that is nil.
func (c Config) client(userAgent string, l limits, dial dialer) (kubernetes.Interface, error) {
	cfg, err := c.rest()
	if err != nil {
		return nil, err
	}
	cfg.Dial = dial
	cfg.ContentType, cfg.AcceptContentTypes = c.ContentType, c.AcceptContentTypes
	cfg.QPS, cfg.Burst, cfg.Timeout = l.perSecond, l.atOnce, l.answer
	// Packing takes both ends longer than the way between them; since 1.37 an API
	// server packs every single event of a watch that began with a list.
	cfg.DisableCompression = true
	cfg.Wrap(buffered)
	cfg.UserAgent = userAgent
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, ""))
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	return client, nil
}

func (c Config) rest() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags(c.Master, c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the API server (--kubeconfig, --master): %w", err)
	}
	return cfg, nil
}
