// Confine is the last step of starting a container: it gives up rights and runs a command in its place.
//
//	confine [flags] -- [NAME=VALUE...] COMMAND ARGS...
//
// It goes into a root folder, drops all capabilities but those that are named, applies the system call filter that
// container runtimes have by default (RuntimeDefault), and becomes the command, with this environment and no other; with
// none, it keeps its own. It is one process all the time, so that who starts it knows the command's process.
package main
