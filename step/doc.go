// Package step turns kernel functions into tables of named steps and runs them on a machine.
//
// A Path is one kernel function: a name, the source it follows and a body of steps. A step is what
// no other CPU can see half done: one store, one atomic instruction, one critical section. Conditions
// and calls are not steps of their own. They run together with the step before them, and therefore
// read only the frame or what no other CPU can write at that point.
//
// Link puts the paths of one machine into a Program, and an Exec runs it: a whole kernel entry in
// straight line, or one step of one CPU at a time. Both run the same table.
package step
