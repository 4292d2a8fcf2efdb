package rules

// Backend is where the packet program and its sets are kept in the kernel.
type Backend string

// The backends.
const (
	IPTables Backend = "iptables" // chains of iptables, which look into ipsets
	NFTables Backend = "nftables" // tables of our own; no program is started
)
