package job

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// resultName is the entry that ends a parcel.
const resultName = "result.json"

// Pack writes files and result as a tar archive, which needs no file system on the disk that takes it. A file that is
// not there is noted in the result: the files of a failed job are what explains it.
func Pack(w io.Writer, files []string, result Result) error {
	out := tar.NewWriter(w)
	for _, name := range files {
		err := packFile(out, name)
		if errors.Is(err, os.ErrNotExist) {
			result.Error += fmt.Sprintf("; %s was never written", name)
			continue
		}
		if err != nil {
			return err
		}
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: resultName, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.Close()
}

func packFile(out *tar.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: filepath.Base(name), Mode: 0o644, Size: info.Size()}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

// Unpack writes the files of a parcel into dir and returns the guest's result.
func Unpack(r io.Reader, dir string) (Result, error) {
	in := tar.NewReader(r)
	for {
		header, err := in.Next()
		if err != nil {
			return Result{}, fmt.Errorf("the guest's parcel ends before its result: %w", err)
		}
		if header.Name == resultName {
			var result Result
			err := json.NewDecoder(in).Decode(&result)
			return result, err
		}
		if err := unpackFile(filepath.Join(dir, filepath.Base(header.Name)), in); err != nil {
			return Result{}, err
		}
	}
}

func unpackFile(path string, content io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
