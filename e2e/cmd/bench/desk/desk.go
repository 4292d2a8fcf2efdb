package desk

import (
	"fmt"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// portVariable names the variable that tells the inner half where to call; at
// E2E_HOST.
const portVariable = "E2E_BENCH_PORT"

// Job is what is to be measured.
type Job struct {
	Proxy   string
	Size    figures.Size
	Program string   // the proxy's
	Args    []string // beside those that all proxies have
	Version string

	Probes []Probe
	At     [2]string // the addresses between which probes move; they begin at the first

	StartLimit time.Duration
	Moves      int
	MovesFor   time.Duration // no further move is begun after this time
	Pause      time.Duration // between two moves
	Churn      []int         // changes a second
	ChurnFor   time.Duration
	Idle       time.Duration
	Restart    bool
	Dataplane  bool
	Profile    bool // of the proxy's processor time, for each step
}

// Probe is a Service whose endpoint answers.
type Probe struct{ Name, ClusterIP string }

// Move asks for one probe's endpoint to be at another address.
type Move struct {
	Probe int
	To    string
}

// Churn asks for changes at a rate.
type Churn struct {
	Rate int
	For  time.Duration
}

// Churned is what has become of it.
type Churned struct {
	Changes int
	Took    time.Duration
}

// Profile is of one step, as pprof reads it.
type Profile struct {
	Step string
	Data []byte
}

// Outer is what the outer half does. Each method returns when the API has
// what was asked for.
type Outer interface {
	Job() (Job, error)
	Move(Move) error
	Churn(Churn) (Churned, error)
	Note(figures.Cell) error
	Keep(Profile) error
}

// None stands where net/rpc wants a value and there is none.
type None struct{}

// Served makes an Outer callable.
type Served struct{ outer Outer }

// Job answers what is to be measured.
func (s Served) Job(_ None, job *Job) (err error) {
	*job, err = s.outer.Job()
	return err
}

// Move moves a probe.
func (s Served) Move(m Move, _ *None) error { return s.outer.Move(m) }

// Churn changes the crowd.
func (s Served) Churn(c Churn, done *Churned) (err error) {
	*done, err = s.outer.Churn(c)
	return err
}

// Note takes down what has been measured until now.
func (s Served) Note(c figures.Cell, _ *None) error { return s.outer.Note(c) }

// Keep takes down a profile.
func (s Served) Keep(p Profile, _ *None) error { return s.outer.Keep(p) }

// Serve answers calls until the listener is closed, and returns the variable
// that tells the inner half where.
func Serve(outer Outer) (l net.Listener, variable string, err error) {
	server := rpc.NewServer()
	if err := server.RegisterName("Desk", Served{outer}); err != nil {
		return nil, "", err
	}
	if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, "", err
	}
	go accept(l, server)
	return l, fmt.Sprintf("%s=%d", portVariable, l.Addr().(*net.TCPAddr).Port), nil
}

// accept speaks JSON: gob, the usual codec, makes nil of a pointer to zero.
func accept(l net.Listener, server *rpc.Server) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the listener is closed
		}
		go server.ServeCodec(jsonrpc.NewServerCodec(conn))
	}
}

// Caller is the inner half's Outer.
type Caller struct{ client *rpc.Client }

// Call reaches the outer half.
func Call() (*Caller, error) {
	at := net.JoinHostPort(os.Getenv("E2E_HOST"), os.Getenv(portVariable))
	client, err := jsonrpc.Dial("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("reach the outer half of the benchmark (E2E_HOST, %s): %w", portVariable, err)
	}
	return &Caller{client}, nil
}

// Job asks what is to be measured.
func (c *Caller) Job() (job Job, err error) {
	err = c.call("Job", None{}, &job)
	return job, err
}

// Move has a probe moved.
func (c *Caller) Move(m Move) error { return c.call("Move", m, &None{}) }

// Churn has the crowd changed.
func (c *Caller) Churn(ch Churn) (done Churned, err error) {
	err = c.call("Churn", ch, &done)
	return done, err
}

// Note hands over what has been measured until now.
func (c *Caller) Note(cell figures.Cell) error { return c.call("Note", cell, &None{}) }

// Keep hands over a profile.
func (c *Caller) Keep(p Profile) error { return c.call("Keep", p, &None{}) }

func (c *Caller) call(method string, from, to any) error {
	if err := c.client.Call("Desk."+method, from, to); err != nil {
		return fmt.Errorf("ask the outer half for %s: %w", method, err)
	}
	return nil
}
