// Package cluster boils down what the API says: it reads a Service and its
// EndpointSlices into ports and endpoints, and chooses the endpoints that a
// kind of traffic may use from this node.
//
// The API's defaults are applied here and nowhere else: a missing protocol is
// TCP, a missing condition is what the API says that it means, addresses are
// unmapped and without zone, so that == is right for all who come after. What
// the API lets pass but no node can program is left out with a Remark, and
// never stops the rest.
//
// Pure: no clock, no log, no client, nothing of the kernel. The same objects,
// in whatever order, give the same ports. How a Port is reached (virtual
// servers, sets, addresses on a device) is the business of package plan.
package cluster
