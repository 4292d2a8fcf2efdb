// Package telemetry tells how it goes: metrics, service level indicators, the log of
// passes and failures, and Events about what cannot be had.
//
// It is told by the loop and decides nothing: whatever is told here may be left out
// and the kernel is still as it should be. Metrics of kube-proxy keep their names
// where they have the same meaning, so that dashboards and alerts go on working.
//
// Those who ask for metrics do so from goroutines of their own; all else belongs to
// the loop. What a pass costs here goes with what it has changed, not with how many
// Services there are.
package telemetry
