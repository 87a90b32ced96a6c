package vmlinux

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// compression is one of the ways in which kernels are compressed.
type compression struct {
	name  string
	magic string
	open  func(io.Reader) (io.Reader, error)
}

// The kernel's build uses xz with the filter for x86 instructions, which is why it is not the reader of
// xz that the rest of the project uses.
var compressions = []compression{
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) {
		z, err := gzip.NewReader(r)
		if err == nil {
			z.Multistream(false)
		}
		return z, err
	}},
	{"xz", "\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) {
		z, err := xz.NewReader(r, maxXZDictionary)
		if err == nil {
			z.Multistream(false)
		}
		return z, err
	}},
	{"zstd", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
	}},
	{"lz4", "\x02\x21\x4c\x18", nil},
	{"lz4", "\x04\x22\x4d\x18", func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"bzip2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{"lzma", "\x5d\x00\x00", unsupported("lzma")},
	{"lzo", "\x89LZO", unsupported("lzo")},
}

// What the kernel's build asks for: xz with 32 MiB, zstd with a window of 128 MiB (level 22).
const (
	maxXZDictionary = 64 << 20
	maxZstdWindow   = 128 << 20
)

func unsupported(name string) func(io.Reader) (io.Reader, error) {
	return func(io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("%s is not supported: unpack it with the tool of that name and give the result", name)
	}
}

func compressionOf(data []byte) *compression {
	for i := range compressions {
		if bytes.HasPrefix(data, []byte(compressions[i].magic)) {
			return &compressions[i]
		}
	}
	return nil
}

// unpack unpacks the one stream that data begins with. Behind it the kernel's build may have put the
// unpacked size, or padding.
func (c *compression) unpack(data []byte) ([]byte, error) {
	if c.open == nil {
		return unpackLegacyLZ4(data)
	}
	r, err := c.open(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if z, ok := r.(*zstd.Decoder); ok {
		defer z.Close()
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, maxImage+1))
	if n > maxImage {
		return nil, errTooLarge
	}
	// zstd and lz4 go on to a next frame; the size that stands there is none.
	noFrame := errors.Is(err, zstd.ErrMagicMismatch) || errors.Is(err, lz4.ErrInvalidFrame)
	if err != nil && !(noFrame && n > 0) {
		return nil, err
	}
	return out.Bytes(), nil
}

var errTooLarge = fmt.Errorf("it unpacks to more than %d MiB", maxImage>>20)

// legacyBlock is what a block of lz4's legacy format unpacks to; only the last may be smaller.
const legacyBlock = 8 << 20

// unpackLegacyLZ4 unpacks lz4's legacy format: blocks with their sizes in front and no end. In a bzImage
// the unpacked size follows, which as a block would be larger than what is left.
func unpackLegacyLZ4(data []byte) ([]byte, error) {
	var out []byte
	block := make([]byte, legacyBlock)
	for at := 4; at+4 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at:]))
		if at += 4; size == 0 || size > len(data)-at {
			if at == len(data) && size == len(out) {
				break // the unpacked size
			}
			return nil, fmt.Errorf("a block of %d bytes is stated at offset %#x, and %d bytes are left", size, at-4, len(data)-at)
		}
		n, err := lz4.UncompressBlock(data[at:at+size], block)
		if err != nil {
			return nil, fmt.Errorf("the block at offset %#x: %w", at, err)
		}
		if out = append(out, block[:n]...); len(out) > maxImage {
			return nil, errTooLarge
		}
		at += size
	}
	return out, nil
}
