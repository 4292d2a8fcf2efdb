// Package crowd is the cluster that proxies are measured with: many Services
// whose endpoints nothing answers, and among them ten probes, one of them the
// last by name, whose single endpoint is a Pod of the lab. It creates them,
// moves probes, and changes the crowd at a rate.
//
// What must never be in it: proxies, and anything that is measured.
package crowd
