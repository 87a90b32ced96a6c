package vmlinux

import (
	"debug/elf"
	"iter"
	"math"
)

// Places in arm64's image header (Documentation/arch/arm64/booting.rst).
const (
	arm64TextOffsetAt = 8
	arm64FlagsAt      = 24
	arm64MagicAt      = 56
	arm64HeaderEnd    = 64
	arm64BigEndian    = 1
)

func isARM64Image(data []byte) bool {
	return len(data) >= arm64HeaderEnd && string(data[arm64MagicAt:arm64MagicAt+4]) == "ARM\x64"
}

// readARM64Image takes a flat image: what memory holds from _text on. It has no sections and no symbol
// table, and does not say its address: all of that comes from kallsyms.
func (img *Image) readARM64Image(data []byte) error {
	if le.Uint64(data[arm64FlagsAt:])&arm64BigEndian != 0 {
		return damaged(arm64FlagsAt, "a big-endian kernel: only little-endian ones are supported")
	}
	img.Machine = elf.EM_AARCH64
	img.segments = []segment{{data: data}}
	if err := img.readKallsyms(); err != nil {
		return err
	}
	text, ok := img.symbols.lookup("_text")
	if !ok {
		// Without CONFIG_KALLSYMS_ALL _text is not named. Nothing but the image's head is below the first name.
		text.Addr = loadedAt(img.symbols[0].Addr, le.Uint64(data[arm64TextOffsetAt:]))
	}
	img.segments[0].addr = text.Addr
	img.finish()
	return nil
}

// imageAlign is how arm64 images are aligned, but for the offset that they ask for (not 0 up to 5.7).
const imageAlign = 2 << 20

func loadedAt(addr, textOffset uint64) uint64 {
	return (addr-textOffset)&^(imageAlign-1) + textOffset
}

// relocateBase sets what the addresses of kallsyms are relative to, where the image holds a zero for it:
// the linker leaves values that change with the load address to the relocations (type RELA), which the
// kernel applies to itself at boot.
func (img *Image) relocateBase(k *kallsyms) {
	if img.Machine != elf.EM_AARCH64 || k.baseAt == 0 || k.base != 0 {
		return
	}
	lowest, textOffset := uint64(math.MaxUint64), le.Uint64(k.data[arm64TextOffsetAt:])
	for _, addend := range relativeRelocations(k.data) {
		lowest = min(lowest, addend)
	}
	slot := loadedAt(lowest, textOffset) + uint64(k.baseAt)
	for at, addend := range relativeRelocations(k.data) {
		if at == slot {
			k.base = addend
			return
		}
	}
}

// relativeRelocations finds the entries of .rela.dyn by their shape: an address in the kernel, the type
// R_AARCH64_RELATIVE, and what to write there, the lowest address added.
func relativeRelocations(data []byte) iter.Seq2[uint64, uint64] {
	const relative, entry, kernelHalf = 0x403, 24, 0xffff << 48
	return func(yield func(at, addend uint64) bool) {
		for i := 0; i+entry <= len(data); i += 8 {
			at, addend := le.Uint64(data[i:]), le.Uint64(data[i+16:])
			if le.Uint64(data[i+8:]) == relative && at >= kernelHalf && addend >= kernelHalf && !yield(at, addend) {
				return
			}
		}
	}
}

// Places in the header of EFI's compressed image (drivers/firmware/efi/libstub/zboot-header.S).
const (
	zbootOffsetAt  = 8
	zbootSizeAt    = 12
	zbootHeaderEnd = 56
)

func isZboot(data []byte) bool {
	return len(data) >= zbootHeaderEnd && string(data[:2]) == "MZ" && string(data[4:8]) == "zimg"
}

func zbootPayload(data []byte) ([]byte, error) {
	at, n := int64(le.Uint32(data[zbootOffsetAt:])), int64(le.Uint32(data[zbootSizeAt:]))
	if at > int64(len(data)) || n > int64(len(data))-at {
		return nil, damaged(zbootOffsetAt, "the EFI image is cut off: its kernel is %d bytes from offset %#x on, and the file has %d bytes", n, at, len(data))
	}
	return data[at : at+n], nil
}
