package vmlinux

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFile bounds what is read of a file, and what is unpacked from it. A kernel with all of its debug
// information is below it.
const maxFile = 2 << 30

// maxImage bounds a compressed image and what it unpacks to.
const maxImage = 512 << 20

// Image is an opened kernel image.
type Image struct {
	Format  string      // as in "bzImage (zstd), ELF"
	Machine elf.Machine // EM_X86_64 or EM_AARCH64
	Release string      // of the kernel, as `uname -r` prints it; empty where the banner was not found
	Names   string      // where symbols come from: "ELF symbol table" or "kallsyms"

	segments []segment
	symbols  symbols
	alts     []Alternative
}

// segment is a run of the image in memory.
type segment struct {
	addr uint64
	data []byte
}

// Error says what in an image could not be read.
type Error struct {
	What   string
	Offset int64 // in the file, or in what was unpacked from it; -1 where there is no one place
	Err    error
}

func (e *Error) Error() string {
	s := e.What
	if e.Offset >= 0 {
		s = fmt.Sprintf("%s (at offset %#x)", s, e.Offset)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func damaged(offset int64, format string, args ...any) error {
	return &Error{What: fmt.Sprintf(format, args...), Offset: offset}
}

// Open opens the image in a file.
func Open(path string) (*Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	img, err := Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}

// Read reads the image in the first size bytes of r. It keeps none of r.
func Read(r io.ReaderAt, size int64) (*Image, error) {
	if size > maxFile {
		return nil, damaged(-1, "%d bytes are more than a kernel image has", size)
	}
	head := make([]byte, min(size, elf64HeaderSize))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	img := new(Image)
	if isELF(head) {
		return img, img.readELF(r)
	}
	if size > maxImage {
		return nil, damaged(-1, "%d bytes are more than a compressed or flat kernel image has; only an ELF vmlinux may be that large", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return nil, err
	}
	return img, img.unwrap(data, 0)
}

// maxWrappings is how often one image may be inside another: zboot in gzip is as far as anybody goes.
const maxWrappings = 3

// unwrap takes off what the image is wrapped in, a layer at a time.
func (img *Image) unwrap(data []byte, depth int) error {
	if depth > maxWrappings {
		return damaged(-1, "images inside images, %d deep", depth)
	}
	switch {
	case isELF(data):
		img.wrapped("ELF")
		return img.readELF(bytes.NewReader(data))
	case isBzImage(data):
		payload, err := bzImagePayload(data)
		if err != nil {
			return err
		}
		return img.unpack("bzImage", payload, depth)
	case isZboot(data):
		payload, err := zbootPayload(data)
		if err != nil {
			return err
		}
		return img.unpack("zboot", payload, depth)
	case isARM64Image(data):
		img.wrapped("Image")
		return img.readARM64Image(data)
	case compressionOf(data) != nil:
		return img.unpack("", data, depth)
	}
	return damaged(0, "no kernel image: neither an ELF vmlinux, nor an x86 bzImage, nor an arm64 Image, nor one of these compressed")
}

func (img *Image) unpack(container string, payload []byte, depth int) error {
	c := compressionOf(payload)
	if c == nil {
		return damaged(-1, "the payload of the %s is compressed in a way that is not known: it begins with % x", container, payload[:min(len(payload), 6)])
	}
	if container == "" {
		img.wrapped(c.name)
	} else {
		img.wrapped(fmt.Sprintf("%s (%s)", container, c.name))
	}
	data, err := c.unpack(payload)
	if err != nil {
		return &Error{What: "the " + c.name + " data in it cannot be unpacked", Offset: -1, Err: err}
	}
	return img.unwrap(data, depth+1)
}

func (img *Image) wrapped(name string) {
	img.Format = strings.TrimPrefix(img.Format+", "+name, ", ")
}

// at returns the image's bytes from addr to the end of its segment.
func (img *Image) at(addr uint64) []byte {
	for i := range img.segments {
		s := &img.segments[i]
		if addr >= s.addr && addr-s.addr < uint64(len(s.data)) {
			return s.data[addr-s.addr:]
		}
	}
	return nil
}
