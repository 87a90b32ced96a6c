// Package verify holds the machine against a recorded kernel.
//
// The recorded schedule (who handed a CPU to whom, and when; who forked, executed, exited) drives a machine of the
// recorded release. Before each switch what the machine has is compared with what the kernel had. What existed when
// the recording began is taken over as it is first seen, and not counted; nothing else is taken from an observation
// before it was compared. Where the two differ, the kernel is right: the difference is filed under a cause and taken
// over, so that one difference is not found again at every later switch.
//
// No rule of the switch is written here: the kernel and architecture paths are run, and their state is read.
package verify
