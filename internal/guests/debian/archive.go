// Package debian brings Debian packages onto this machine without installing them.
//
// It keeps an apt state of its own for each architecture, so that the package state of the machine it runs on is neither
// read nor changed: packages of a foreign architecture come the same way as native ones, and it also works on
// machines that are not Debian but have apt and Debian's keyring.
package debian

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Stable is the Debian release whose packages are used where no other is named. Its kernels are the ones the project is
// measured against.
const Stable = "bookworm"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// listsAge is how old the package lists may become before they are fetched again.
const listsAge = 24 * time.Hour

// Archive is a suite of Debian's archive for one architecture, with what was already fetched from it.
type Archive struct {
	Arch  string
	suite string
	dir   string
}

// Open returns Stable for one of Debian's architectures ("amd64", "arm64"), keeping everything below cache.
func Open(ctx context.Context, cache, arch string) (*Archive, error) {
	return OpenSuite(ctx, cache, Stable, arch)
}

var suiteName = regexp.MustCompile(`^[a-z]+(-backports)?$`)

// OpenSuite returns another suite, "trixie-backports" say.
func OpenSuite(ctx context.Context, cache, suite, arch string) (*Archive, error) {
	if !suiteName.MatchString(suite) {
		return nil, fmt.Errorf("%q is no name of a Debian suite, as in trixie-backports", suite)
	}
	if err := needTools(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Join(cache, suite+"-"+arch))
	if err != nil {
		return nil, err
	}
	archive := &Archive{Arch: arch, suite: suite, dir: dir}
	if err := archive.configure(); err != nil {
		return nil, err
	}
	return archive, archive.refresh(ctx)
}

func needTools() error {
	for _, tool := range []struct{ name, pkg string }{{"apt-get", "apt"}, {"apt-cache", "apt"}, {"dpkg-deb", "dpkg"}} {
		if _, err := exec.LookPath(tool.name); err != nil {
			return fmt.Errorf("%s is not installed: it fetches the guests' packages; install the package %s", tool.name, tool.pkg)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return fmt.Errorf("%s is missing: packages could not be checked; apt-get install debian-archive-keyring", keyring)
	}
	return nil
}

// configure writes the private apt state: its lists, its empty package status and its sources.
func (a *Archive) configure() error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "empty/partial", "unpacked"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{"apt.conf": aptConf(a.dir, a.Arch), "sources.list": sourcesList(a.suite), "status": ""}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// aptConf keeps apt inside dir. The status file is empty, so that apt takes no package for installed and names every
// dependency.
func aptConf(dir, arch string) string {
	settings := [][2]string{
		{"APT::Architecture", arch},
		{"Dir::State", dir + "/state"},
		{"Dir::State::status", dir + "/status"},
		{"Dir::Cache", dir + "/cache"},
		{"Dir::Etc::sourcelist", dir + "/sources.list"},
		{"Dir::Etc::sourceparts", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Acquire::Languages", "none"},
		{"Acquire::Retries", "3"},
		{"APT::Sandbox::User", ""}, // the cache lies in a home directory, where apt's own user may not look
		{"Debug::NoLocking", "true"},
	}
	var conf strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&conf, "%s \"%s\";\n", s[0], s[1])
	}
	fmt.Fprintf(&conf, "#clear APT::Architectures;\nAPT::Architectures { \"%s\"; };\n", arch)
	return conf.String()
}

func sourcesList(suite string) string {
	const line = "deb [signed-by=%s] http://deb.debian.org/%s main\n"
	list := fmt.Sprintf(line, keyring, "debian "+suite)
	if suite == Stable {
		list += fmt.Sprintf(line, keyring, "debian-security "+suite+"-security")
	}
	return list
}

// refresh fetches the package lists when they are missing or old.
func (a *Archive) refresh(ctx context.Context) error {
	stamp := filepath.Join(a.dir, "refreshed")
	if info, err := os.Stat(stamp); err == nil && time.Since(info.ModTime()) < listsAge {
		return nil
	}
	if _, err := a.run(ctx, "apt-get", "--error-on=any", "update"); err != nil {
		return err
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// run runs one of apt's tools on the private state, in the directory of downloaded packages.
func (a *Archive) run(ctx context.Context, name string, args ...string) (string, error) {
	return a.runIn(ctx, "cache/archives", name, args...)
}

func (a *Archive) runIn(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = filepath.Join(a.dir, dir)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C")
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s (%s): %w\n%s", name, strings.Join(args, " "), a.Arch, err, complaint.String())
	}
	return out.String(), nil
}
