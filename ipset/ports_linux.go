package ipset

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// Ports lists a set of type bitmap:port, which nothing else here can handle:
// others make them, and their members are not about addresses. All its ports or
// an error, never a part; ErrNotExist if there is no such set, ErrMismatch if
// it is of another type.
func (c *Client) Ports(name string) ([]uint16, error) {
	var ports []uint16
	err := c.list(about(name), func() func([]byte) error {
		ports = nil
		return func(msg []byte) error { return takePorts(msg, &ports) }
	})
	if err != nil {
		return nil, fmt.Errorf("list ports of set %s: %w", name, err)
	}
	return ports, nil
}

func takePorts(msg []byte, ports *[]uint16) error {
	p, err := parsePortion(msg)
	if err == nil && p.typeName != "" && p.typeName != "bitmap:port" {
		err = fmt.Errorf("%w: it is a %s", ErrMismatch, p.typeName)
	}
	if err != nil {
		return err
	}
	return wire.EachAttribute(p.members, func(_ uint16, entry []byte) error {
		known := false
		err := wire.EachAttribute(entry, func(attr uint16, v []byte) error {
			if attr != nl.IPSET_ATTR_PORT {
				return nil
			}
			port, err := number(v, 2)
			*ports, known = append(*ports, uint16(port)), true
			return err
		})
		if err == nil && !known {
			err = fmt.Errorf("%w: entry without a port", wire.ErrMalformed)
		}
		return err
	})
}
