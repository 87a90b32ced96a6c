// Package kernel is the machine-independent half of Linux's process switch: each kernel function as
// a path of steps, for every release in which it differs.
//
// The paths call each other by name, and a machine has just the paths of its release, so what two
// releases share is one path. What an architecture adds comes through a Port in the same way.
package kernel
