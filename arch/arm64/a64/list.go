package a64

// Instructions lists what is simulated, a line for each group of instructions that differ in operands only.
func Instructions() []string {
	var all []string
	for i := range classes {
		all = append(all, classes[i].name)
	}
	return all
}

// SystemRegisters lists the registers that msr and mrs know.
func SystemRegisters() []string {
	var all []string
	for i := range sysregs {
		all = append(all, sysregs[i].name)
	}
	return all
}
