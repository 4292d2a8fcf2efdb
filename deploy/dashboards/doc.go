// Package dashboards holds a dashboard for Grafana and alerts for Prometheus,
// and the tests that they ask for what the daemon has.
package dashboards
