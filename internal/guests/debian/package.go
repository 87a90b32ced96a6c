package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Package is an unpacked package.
type Package struct {
	Name    string
	Version string
	Dir     string // the root of its files
}

// Unpack fetches one package and unpacks it alone.
func (a *Archive) Unpack(ctx context.Context, name string) (Package, error) {
	return a.unpack(ctx, name, "download", name)
}

// UnpackWithDependencies fetches a package and everything it depends on, and unpacks all of it into one tree.
func (a *Archive) UnpackWithDependencies(ctx context.Context, name string) (Package, error) {
	return a.unpack(ctx, name, "install", "--download-only", "--no-install-recommends", "--yes", name)
}

func (a *Archive) unpack(ctx context.Context, name string, args ...string) (Package, error) {
	debs, err := a.fetch(ctx, args...)
	if err != nil {
		return Package{}, err
	}
	version, err := versionOf(name, debs)
	if err != nil {
		return Package{}, err
	}
	tree := filepath.Join(a.dir, "unpacked", name+"_"+strings.ReplaceAll(version, ":", "_"))
	pkg := Package{Name: name, Version: version, Dir: tree}
	if _, err := os.Stat(tree); err == nil {
		return pkg, nil
	}
	return pkg, a.extract(ctx, debs, tree)
}

// extract unpacks beside the tree and renames at the end, so that a tree is whole or absent.
func (a *Archive) extract(ctx context.Context, debs []string, tree string) error {
	partial := tree + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	for _, deb := range debs {
		if _, err := a.run(ctx, "dpkg-deb", "--extract", deb, partial); err != nil {
			return err
		}
	}
	return os.Rename(partial, tree)
}

// fetch runs an apt-get command that downloads packages, unless all it would download is here, and returns their files.
func (a *Archive) fetch(ctx context.Context, args ...string) ([]string, error) {
	// apt leaves out what it has already, in its cache ("install") or in the current directory ("download"); an empty
	// directory for both makes it list everything.
	list := append([]string{"-o", "Dir::Cache::archives=" + filepath.Join(a.dir, "empty"), "--print-uris"}, args...)
	out, err := a.runIn(ctx, "empty", "apt-get", list...)
	if err != nil {
		return nil, err
	}
	debs := parseURIs(out)
	missing := false
	for i, deb := range debs {
		debs[i] = filepath.Join(a.dir, "cache/archives", deb)
		if _, err := os.Stat(debs[i]); err != nil {
			missing = true
		}
	}
	if missing {
		if _, err := a.run(ctx, "apt-get", args...); err != nil {
			return nil, err
		}
	}
	return debs, nil
}

// parseURIs takes the file names out of apt-get --print-uris, whose lines are: 'URI' file size hash.
func parseURIs(out string) []string {
	var files []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && strings.HasPrefix(fields[0], "'") && strings.HasSuffix(fields[1], ".deb") {
			files = append(files, fields[1])
		}
	}
	return files
}

// versionOf reads a package's version from the name of its file: name_version_arch.deb.
func versionOf(name string, debs []string) (string, error) {
	for _, deb := range debs {
		parts := strings.Split(filepath.Base(deb), "_")
		if len(parts) == 3 && parts[0] == name {
			return strings.ReplaceAll(parts[1], "%3a", ":"), nil
		}
	}
	return "", fmt.Errorf("apt names no file for the package %s", name)
}
