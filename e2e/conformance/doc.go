// Command conformance writes docs/conformance.md: what the Service API
// promises, what comes of it here, and which test shows it. The promises stand
// in rows.txt, one a line. A row is only as good as its tests, so the command
// reads what they said and writes nothing unless each of those named has
// passed.
//
// Nothing is run here, and no test is looked for by anything but its name.
package main
