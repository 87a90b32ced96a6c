// Package machine holds the state of a machine that switches processes: CPUs, tasks,
// address spaces, kernel stacks and TLBs, as plain data.
//
// A State has no pointers, maps or clocks in it. It lives in one block of memory, so it can be
// copied with one copy, hashed with one hash and compared byte by byte. It knows no rules:
// those are the paths of package kernel and the packages below arch.
package machine
