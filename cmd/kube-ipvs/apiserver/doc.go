// Package apiserver is how this process speaks to the API server: clients with
// limits of their own, the addresses at which it is reached, Events that are
// posted, and what of it is counted.
//
// What is read from the API is package watch's; what it means for this node is
// decided elsewhere.
package apiserver
