package vmlinux

import "fmt"

// Function is a function as it is in the image.
type Function struct {
	Name string
	Addr uint64 // as linked; KASLR moves it at boot
	Code []byte
}

// maxFunction bounds a function: where the next symbol is far away, something else is wrong.
const maxFunction = 1 << 20

// Function takes a function out of the image. Where its size is not known it reaches up to the next
// symbol, with the padding in front of that.
func (img *Image) Function(name string) (Function, error) {
	sym, ok := img.symbols.lookup(name)
	if !ok {
		return Function{}, fmt.Errorf("the %s of this kernel (%d names) does not have %s", img.Names, len(img.symbols), name)
	}
	code := img.at(sym.Addr)
	if code == nil {
		return Function{}, fmt.Errorf("%s is at %#x, which is in no part of the image", name, sym.Addr)
	}
	size := sym.Size
	if size == 0 {
		next := img.symbols.after(sym.Addr)
		if next == len(img.symbols) {
			return Function{}, fmt.Errorf("nothing says where %s at %#x ends: it is the last symbol", name, sym.Addr)
		}
		size = img.symbols[next].Addr - sym.Addr
	}
	if size > maxFunction || size > uint64(len(code)) {
		return Function{}, fmt.Errorf("%s at %#x would have %d bytes, which is no function", name, sym.Addr, size)
	}
	return Function{Name: name, Addr: sym.Addr, Code: code[:size]}, nil
}
