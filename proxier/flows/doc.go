// Package flows has the kernel forget flows that no real server answers: those that are older
// than their Service, and those of UDP whose real server is not the Service's any more.
//
// It remembers of which virtual servers the flows have to be looked at, and looks once
// their Service is settled, beside the loop: the kernel's table may be large. Who
// answers is told by the loop at that time, and never known here.
package flows
