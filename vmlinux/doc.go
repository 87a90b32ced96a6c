// Package vmlinux opens kernel images as distributions ship them and takes single functions out of them:
// the bytes, the address, and the name of whatever a jump leads to.
//
// It reads an ELF vmlinux, x86's bzImage, arm64's Image, EFI's compressed arm64 image (zboot), and any of
// them compressed as a whole; what a file is, its contents say. Symbols come from the ELF symbol table or,
// where there is none, from the table that the kernel keeps of itself (kallsyms).
//
// What is in an image is what the linker wrote. A kernel changes some of its instructions when it boots:
// alternatives become what the CPU wants, static branches and calls what the configuration wants. The
// bytes here are from before that. On x86 Alternatives tells which of them may change, and to what.
package vmlinux
