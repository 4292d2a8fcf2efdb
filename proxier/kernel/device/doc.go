// Package device keeps kube-ipvs0, the device that Service addresses are bound
// to, with their routes, and reads what else the node's links, addresses and
// routes tell: the node's own addresses and its ways out. It hands on what the
// kernel tells of links and addresses.
//
// Rows are addresses on our device and nothing else: no other device is ever
// changed. Nothing here knows Services, virtual servers or rules.
package device
