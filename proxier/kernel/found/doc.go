// Package found tells what is on this machine as it is found, and not only what
// is ours: Scan for a cleanup or a takeover, in both backends of iptables and in
// nftables; Read for those who look. Do takes away what a plan says, step by step.
//
// A Scan loads no module and Read makes nothing; what cannot be read is named.
// What is kube-proxy's and ours, and in which order it goes, is said by package
// leftovers and not here. No row of ours is written here.
package found
