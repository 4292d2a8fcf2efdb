package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
)

// NetfilterHeader is a struct nfgenmsg, with which each message of netfilter
// begins. The resource is only used by messages around a transaction.
func NetfilterHeader(family uint8, resource uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, nl.NFNETLINK_V0}, resource)
}

// Objects hands out the family and the attributes of each object of netfilter that
// the request lists: of all of them, or there is an error and of none.
func (c *Conn) Objects(r Request, take func(family uint8, attributes map[uint16][]byte)) error {
	var bodies [][]byte
	err := c.Relist(r, func() { bodies = nil }, func(body []byte) error {
		bodies = append(bodies, bytes.Clone(body))
		return nil
	})
	if err != nil {
		return err
	}
	all := make([]map[uint16][]byte, len(bodies))
	for i, body := range bodies {
		if len(body) < nl.SizeofNfgenmsg {
			return ErrMalformed
		}
		if all[i], err = Attributes(body[nl.SizeofNfgenmsg:]); err != nil {
			return err
		}
	}
	for i, body := range bodies {
		take(body[0], all[i])
	}
	return nil
}

// Attributes are those in b by their kind; of two of one kind the later one.
func Attributes(b []byte) (all map[uint16][]byte, err error) {
	all = map[uint16][]byte{}
	err = EachAttribute(b, func(kind uint16, v []byte) error {
		all[kind] = v
		return nil
	})
	return all, err
}
