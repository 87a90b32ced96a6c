// Package record records the context switches of the running kernel with eBPF: who handed a CPU to whom, and what both
// did to address spaces and their references. The file that it writes is package tape's; package verify holds the
// machine against it.
//
// Nothing here knows a rule of the switch: the programs copy what the kernel has, and are the same for every release
// from 6.1 and for x86-64 and arm64.
package record
