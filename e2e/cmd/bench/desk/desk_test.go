package desk

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

type outer struct {
	job   Job
	moved []Move
	noted figures.Cell
	kept  Profile
}

func (o *outer) Job() (Job, error) { return o.job, nil }

func (o *outer) Move(m Move) error {
	o.moved = append(o.moved, m)
	return nil
}

func (o *outer) Churn(Churn) (Churned, error) { return Churned{}, errors.New("the API is gone") }

func (o *outer) Note(c figures.Cell) error {
	o.noted = c
	return nil
}

func (o *outer) Keep(p Profile) error {
	o.kept = p
	return nil
}

func TestCallsCrossOver(t *testing.T) {
	o := &outer{job: Job{
		Proxy: figures.KubeIPVS, Size: figures.Size{Services: 100, Endpoints: 10},
		Probes: []Probe{{"web", "10.96.0.9"}}, Churn: []int{50}, ChurnFor: time.Minute, Restart: true,
	}}
	l, variable, err := Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	name, port, _ := strings.Cut(variable, "=")
	t.Setenv(name, port)
	t.Setenv("E2E_HOST", "127.0.0.1")
	c, err := Call()
	if err != nil {
		t.Fatal(err)
	}
	if job, err := c.Job(); err != nil || !reflect.DeepEqual(job, o.job) {
		t.Errorf("job %+v, %v; want %+v", job, err, o.job)
	}
	if err := c.Move(Move{Probe: 3, To: "10.244.2.2"}); err != nil || len(o.moved) != 1 || o.moved[0].Probe != 3 {
		t.Errorf("moved %v, %v", o.moved, err)
	}
	if _, err := c.Churn(Churn{Rate: 50}); err == nil || !strings.Contains(err.Error(), "the API is gone") {
		t.Errorf("churn: %v, want the outer half's error", err)
	}
	rows := 0.0 // which is not nil
	cell := figures.Cell{Proxy: figures.Floor, Moves: &figures.Moves{Latency: figures.Samples{1, 2}, Rows: &rows}}
	if err := c.Note(cell); err != nil || !reflect.DeepEqual(o.noted, cell) {
		t.Errorf("noted %+v, %v; want %+v", o.noted, err, cell)
	}
	if err := c.Keep(Profile{"churn", []byte{0, 255}}); err != nil || o.kept.Step != "churn" || string(o.kept.Data) != "\x00\xff" {
		t.Errorf("kept %+v, %v", o.kept, err)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Setenv("E2E_HOST", "127.0.0.1")
	t.Setenv(portVariable, "1")
	if _, err := Call(); err == nil || !strings.Contains(err.Error(), portVariable) {
		t.Errorf("%v, want an error that names %s", err, portVariable)
	}
}
