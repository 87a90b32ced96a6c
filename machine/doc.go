// Package machine holds the state of a machine that switches processes: CPUs, tasks,
// address spaces, kernel stacks and TLBs, as plain data.
//
// A State has no pointers, maps or clocks in it. It lives in one block of memory, so it is copied,
// hashed and compared as bytes, kernel stacks up to their live frames. It knows no rules:
// those are the paths of package kernel and the packages below arch.
package machine
