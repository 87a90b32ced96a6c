// Package registers holds a kernel's own register switch, as it is in the image, against the calling
// standard: it runs the bytes of cpu_switch_to or __switch_to_asm on a simulated machine and looks at what
// becomes of the registers.
//
// The machine has two CPUs and three tasks, each with a task_struct and a kernel stack whose every word is
// known. On one CPU A calls the function to give way to B; on the other C gives way to A. Whoever comes
// back must find its stack and every register that the standard lets it keep (System V: rbx, rbp, r12 to
// r15, rsp; AAPCS64: x19 to x29, sp, and x30 for the way back; d8 to d15 are safe because no instruction is
// simulated that could touch them), and as the result of the call the task that really ran before it. In
// between, whatever a callee may clobber is clobbered.
//
// On x86-64 the function ends with a jump to __switch_to, which is C and is not run: what is known of it is
// that it returns its first argument and keeps what the standard says. So it is the first argument that
// must arrive there.
package registers
