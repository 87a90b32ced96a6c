// Package bpf holds the recorder's eBPF programs: their source, and the object that it is compiled to, so that
// nobody who records needs a compiler. The object serves every little-endian architecture: what differs between
// kernels is relocated when it is loaded.
//
// After a change of the source, regenerate with Debian's clang 14, llvm and libbpf-dev:
//
//	go generate ./record/bpf
package bpf

//go:generate go tool bpf2go -go-package bpf -target bpfel -type event -type shelf -type tlb_view -output-stem object -cc clang -strip llvm-strip Object record.bpf.c -- -O2 -mcpu=v3 -Wall -Werror -fdebug-compilation-dir=/ -fno-ident
