package health

import (
	"encoding/json"
	"net/http"
	"time"
)

// Handler answers with 200 or 503: /healthz to load balancers, whether traffic is
// served and the node eligible; /livez whether the loop hangs; /readyz whether
// there has been a pass. Answered is told of each answer; it may be nil.
func (h *Health) Handler(answered func(path string, code int)) http.Handler {
	answer := func(w http.ResponseWriter, r *http.Request, good bool, body any) {
		code := reply(w, good, body)
		if answered != nil {
			answered(r.URL.Path, code)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		report := h.Report(time.Now())
		if report.Healthy && !h.Ready() {
			report.Reason = "no pass has ended yet"
		}
		good := report.Healthy && *report.NodeEligible && h.Ready()
		answer(w, r, good, report.asAnswer(good))
	})
	mux.HandleFunc("/livez", func(w http.ResponseWriter, r *http.Request) {
		report := h.Liveness(time.Now())
		answer(w, r, report.Healthy, report.asAnswer(report.Healthy))
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ready := h.Ready()
		answer(w, r, ready, map[string]bool{"ready": ready})
	})
	return mux
}

// reply answers with 200 if all is good, else with 503.
func reply(w http.ResponseWriter, good bool, body any) (code int) {
	code = http.StatusOK
	if !good {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	// A client that has hung up is the only thing that can fail.
	_ = json.NewEncoder(w).Encode(body)
	return code
}

func (r Report) asAnswer(good bool) Report {
	if good {
		r.LastUpdated = r.CurrentTime
	}
	return r
}
