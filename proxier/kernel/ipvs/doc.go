// Package ipvs keeps virtual and real servers in the kernel: it lists, creates,
// updates and deletes them, counts their connections and traffic, tries out
// schedulers, and sets the time-outs.
//
// A virtual server is ours when it bears our flag; a listing of rows holds no
// other. Only AllServers, for a cleanup, and ReadInto, for those who look, see those of
// others. Rows are written and read over package wire; the library moby/ipvs has
// the time-outs, and the listing of those who look (docs/design.md says why).
//
// Nothing here knows rules, sets or addresses of the host.
package ipvs
