package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"switchyard/replay/sample"
	"switchyard/trace"
)

// recording is an open recording.
type recording struct {
	*trace.Reader
	name string // to report
	size int64  // in bytes, 0 if unknown
	tmp  *os.File
}

// Close closes the recording and removes what was unpacked for it.
func (r *recording) Close() {
	r.Reader.Close()
	if r.tmp != nil {
		r.tmp.Close()
		os.Remove(r.tmp.Name())
	}
}

// open opens a recording: a file, "-" for standard input, or "" for the bundled one. formats, if not
// empty, is the tracing directory that lends a cut perf.data the formats that it lost.
func open(file, formats string) (*recording, error) {
	var opts []trace.Option
	if formats != "" {
		if info, err := os.Stat(formats); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--formats %s: not a directory that can be read; what is meant is the tracing directory of the kernel that was recorded, as /sys/kernel/tracing", formats)
		}
		opts = append(opts, trace.WithFormats(os.DirFS(formats)))
	}
	switch file {
	case "":
		plain, err := sample.Open()
		if err != nil {
			return nil, err
		}
		in, err := trace.NewReader(plain)
		return &recording{Reader: in, name: sample.Name + " (bundled)", size: plain.Size()}, err
	case "-":
		in, err := trace.NewReader(os.Stdin, opts...)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return &recording{Reader: in, name: "standard input"}, nil
	}
	if packed, err := isZstd(file); err != nil {
		return nil, err
	} else if packed {
		return openZstd(file, opts)
	}
	in, err := trace.Open(file, opts...)
	if err != nil {
		return nil, err
	}
	r := &recording{Reader: in, name: file}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return r, nil
}

// zstdMagic begins every zstd frame.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

func isZstd(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(zstdMagic))
	// A file too short for a magic number is not packed, and whatever is wrong with it trace says better.
	_, _ = io.ReadFull(f, head)
	return bytes.Equal(head, zstdMagic), nil
}

// openZstd unpacks a recording that was compressed as a whole into a temporary file: perf.data is read
// in several places at once, which a stream does not allow.
func openZstd(file string, opts []trace.Option) (r *recording, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tmp, err := os.CreateTemp("", "switchyard-*.perf.data")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<27))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer d.Close()
	size, err := io.Copy(tmp, io.LimitReader(d, maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("%s: unpacking failed after %d bytes: %w", file, size, err)
	}
	if size == maxUnpacked {
		return nil, fmt.Errorf("%s: unpacks to more than %d GiB: unpack it with zstd -d and run the result", file, maxUnpacked>>30)
	}
	in, err := trace.NewReader(io.NewSectionReader(tmp, 0, size), opts...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &recording{Reader: in, name: file, size: size, tmp: tmp}, nil
}

// maxUnpacked bounds what a compressed file may put on the disk.
const maxUnpacked = 8 << 30
