// Package watch keeps the API's Services, EndpointSlices and Nodes at hand
// and remembers which of them have moved.
//
// There are two halves. Cluster answers what the API holds now; Changes holds
// the names that have moved since they were last asked for. An event handler does
// one thing: it marks a name. What was there before is not kept, because the
// proxier compares with what it has put into the kernel.
//
// Objects are trimmed before they are cached; trim.go is the list of what the
// rest of the program may read of them. This package hands out API objects and
// must never interpret them: no choosing of endpoints, no addresses, no rows.
// Besides cmd it is the only place that knows client-go.
package watch
