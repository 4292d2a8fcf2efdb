package ipset

import "fmt"

// Type is what the members of a set are made of. Zero is any type that is not
// listed here.
type Type uint8

// The set types in use, in the kernel's words.
const (
	HashIP        Type = iota + 1 // address
	HashIPPort                    // address, protocol:port
	HashIPPortIP                  // address, protocol:port, address
	HashIPPortNet                 // address, protocol:port, network
	HashNet                       // network
)

var typeNames = map[Type]string{
	HashIP:        "hash:ip",
	HashIPPort:    "hash:ip,port",
	HashIPPortIP:  "hash:ip,port,ip",
	HashIPPortNet: "hash:ip,port,net",
	HashNet:       "hash:net",
}

// String is the kernel's name of the type, for example "hash:ip,port".
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// hasPort tells whether members name a protocol and a port.
func (t Type) hasPort() bool { return t == HashIPPort || t == HashIPPortIP || t == HashIPPortNet }

// Set describes a set apart from its members.
type Set struct {
	Name       string // 31 bytes at most
	Type       Type
	Family     Family
	MaxEntries uint32 // beyond this number the kernel refuses members; of thousands, one per cent late
}

// String is "KIPVS-SERVICES hash:ip,port inet maxelem 65536".
func (s Set) String() string {
	return fmt.Sprintf("%s %s %s maxelem %d", s.Name, s.Type, s.Family, s.MaxEntries)
}

// Accepts tells why the set can never hold e, full or not: ErrMismatch for an
// entry of another type or family, ErrInvalid for one that the kernel has no
// room for in any set.
func (s Set) Accepts(e Entry) error {
	switch {
	case e.typ == 0:
		return fmt.Errorf("%w: no address, or addresses that do not go together", ErrInvalid)
	case e.typ != s.Type || e.Family() != s.Family:
		return fmt.Errorf("%w: entry is %s %s, set is %s %s", ErrMismatch, e.typ, e.Family(), s.Type, s.Family)
	case e.typ == HashIP && e.addr.IsUnspecified():
		return fmt.Errorf("%w: unspecified address", ErrInvalid)
	case e.typ.hasPort() && e.protocol == 0:
		return fmt.Errorf("%w: no protocol", ErrInvalid)
	case e.net.IsValid() && e.net.Bits() == 0:
		return fmt.Errorf("%w: network of length zero", ErrInvalid)
	}
	return nil
}
