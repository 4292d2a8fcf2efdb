package reconcile

import "slices"

// claim is one owner's wish for one row.
type claim[O, V comparable] struct {
	owner O
	value V
}

// claims are all wishes for one row, oldest first. The first stands inline:
// nearly every row has one owner, and there may be hundreds of thousands.
type claims[O, V comparable] struct {
	first claim[O, V]
	rest  []claim[O, V]
}

// set notes the wish of owner; it tells whether anything has changed.
func (c *claims[O, V]) set(owner O, v V) bool {
	if c.first.owner == owner {
		changed := c.first.value != v
		c.first.value = v
		return changed
	}
	for i := range c.rest {
		if c.rest[i].owner == owner {
			c.rest[i].value = v
			return false
		}
	}
	c.rest = append(c.rest, claim[O, V]{owner, v})
	return true
}

// drop forgets the wish of owner; it tells whether any wish is left.
func (c *claims[O, V]) drop(owner O) bool {
	if c.first.owner != owner {
		c.rest = slices.DeleteFunc(c.rest, func(r claim[O, V]) bool { return r.owner == owner })
		return true
	}
	if len(c.rest) == 0 {
		return false
	}
	c.first, c.rest = c.rest[0], c.rest[1:]
	return true
}
