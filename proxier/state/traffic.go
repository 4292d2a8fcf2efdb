package state

// Traffic is what the kernel has counted at one virtual server since it was
// made.
type Traffic struct {
	Connections           uint64
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64

	Active int // connections that its real servers have now
}
