package options

const (
	otherModes = "only for other modes of kube-proxy"
	oldLogging = "klog dropped it; logs go to standard error"
	newLogging = "logs go to standard error as they come"
)

// unusedTable is what is accepted, or was once, and does nothing.
var unusedTable = []setting{
	{
		group: unused, verdict: warned, flag: "show-hidden-metrics-for-version", field: "showHiddenMetricsForVersion",
		check: matching(minorVersion, "must be a version without patch, such as 1.36"),
		text:  "no metrics are hidden",
	},
	{group: unused, verdict: warned, flag: "iptables-localhost-nodeports", field: "iptables.localhostNodePorts", text: "IPVS cannot serve node ports on loopback addresses"},
	{group: unused, verdict: quiet, flag: "iptables-sync-period", field: "iptables.syncPeriod", text: otherModes},
	{group: unused, verdict: quiet, flag: "iptables-min-sync-period", field: "iptables.minSyncPeriod", text: otherModes},
	{verdict: quiet, field: "nftables"},
	{verdict: quiet, field: "winkernel"},
	{verdict: quiet, field: "windowsRunAsService"},
	{verdict: quiet, field: "portRange"},
	{group: unused, verdict: warned, flag: "proxy-port-range", own: ignored(""), text: "the userspace mode is gone"},
	{group: unused, verdict: warned, flag: "udp-timeout", own: ignored(""), text: "the userspace mode is gone"},
	{group: unused, verdict: warned, flag: "cleanup-ipvs", own: false, text: "--cleanup always removes what belongs to IPVS"},
	{group: unused, verdict: rejected, flag: "cleanup-iptables", own: false, text: "gone from kube-proxy since 1.29; use --cleanup"},
	{group: unused, verdict: rejected, flag: "resource-container", own: ignored(""), text: "gone from kube-proxy since 1.29; remove it"},
	{group: unused, verdict: quiet, flag: "boot-id-file", own: ignored(""), text: "unused in kube-proxy too"},
	{group: unused, verdict: quiet, flag: "machine-id-file", own: ignored(""), text: "unused in kube-proxy too"},

	{group: unused, verdict: quiet, flag: "log-flush-frequency", field: "logging.flushFrequency", own: ignored(""), beside: true, text: "nothing is buffered"},
	{group: unused, verdict: warned, flag: "log-text-split-stream", field: "logging.options.text.splitStream", beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-text-info-buffer-size", field: "logging.options.text.infoBufferSize", own: ignored(""), beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-json-split-stream", field: "logging.options.json.splitStream", beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "log-json-info-buffer-size", field: "logging.options.json.infoBufferSize", own: ignored(""), beside: true, text: newLogging},
	{group: unused, verdict: warned, flag: "add-dir-header", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "alsologtostderr", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "log-backtrace-at", own: ignored(""), text: oldLogging},
	{group: unused, verdict: warned, flag: "log-dir", own: ignored(""), text: oldLogging},
	{group: unused, verdict: warned, flag: "log-file", own: ignored(""), text: oldLogging},
	{group: unused, verdict: warned, flag: "log-file-max-size", own: ignored(""), text: oldLogging},
	{group: unused, verdict: warned, flag: "logtostderr", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "one-output", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "skip-headers", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "skip-log-headers", own: false, text: oldLogging},
	{group: unused, verdict: warned, flag: "stderrthreshold", own: ignored(""), text: oldLogging},
}
