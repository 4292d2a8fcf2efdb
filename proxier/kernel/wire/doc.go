// Package wire speaks netlink: sockets that send many requests at once and
// match the answers, messages and their attributes, subscriptions to what the
// kernel tells by itself, and the one place where an errno becomes an error.
//
// It knows no protocol: what a message is about, and which attributes it has,
// is said by the rooms that use it and by package ipset. It keeps nothing but
// its sockets, tries nothing again that it cannot know to be undone, and never
// hands out a part of a listing without an error.
//
// A Conn is for one goroutine.
package wire
