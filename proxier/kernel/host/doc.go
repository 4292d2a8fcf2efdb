// Package host sets what is no row and no rule on this machine: sysctls, the
// kernel's table of connections, modules. It records what was there before, so
// that a cleanup can put it back, and knows which address families there are. It
// is also the one place in which a program is started.
//
// It knows neither IPVS nor any kind of row, and decides nothing about Services:
// which settings are needed follows from the kernel's release and a few words of
// configuration. What it may not write it tells, with the value that is needed.
package host
