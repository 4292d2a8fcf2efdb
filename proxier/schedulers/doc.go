// Package schedulers remembers which schedulers the kernel has, as far as Services
// name them: only the kernel can say, each question has it look for a module, and
// planning must not ask.
//
// Which names may be asked for at all is decided where Services are read. What becomes
// of a Service whose scheduler is lacking must never be known here.
package schedulers
