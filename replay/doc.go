// Package replay drives a machine with a recorded schedule.
//
// Every recorded switch is made by the kernel paths of package kernel, on the CPU and between the
// tasks that the recording names; replay decides who, where and when, and nothing of what a switch
// does. What a recording does not say (which tasks are kernel threads, which share an address space)
// is derived from what it does say, and each fact that a switch rests on is counted as exact, derived
// or unknown: see Facts.
package replay
