// Package check explores every interleaving of a small machine and says that the rules hold, or shows the
// shortest schedule that breaks one.
//
// The engine knows nothing of the switch: it walks a System breadth first, on all cores, and keeps every
// state that it has seen, whole. What it walks in earnest are models: small machines that run the very
// paths of kernel and arch, with an environment that says what tasks may ask for and when interrupts come.
package check
