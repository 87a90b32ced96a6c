package debian

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var archived = []string{
	"linux-image-6.12-cloud-amd64",
	"linux-image-6.12.99+deb12-cloud-amd64",
	"linux-image-6.12.117+deb12-cloud-amd64",
	"linux-image-6.12.117+deb12-cloud-amd64-dbg",
	"linux-image-6.12.118+deb12-cloud-amd64-unsigned",
	"linux-image-6.12.118+deb12-rt-amd64",
	"linux-image-6.12.119+deb12-amd64",
	"linux-image-6.1.0-9-cloud-amd64",
	"linux-image-6.1.0-56-cloud-amd64",
	"linux-image-6.1.0-57-cloud-arm64",
}

func TestNewestKernel(t *testing.T) {
	for _, c := range []struct{ series, arch, want string }{
		{"6.12", "amd64", "linux-image-6.12.117+deb12-cloud-amd64"},
		{"6.1", "amd64", "linux-image-6.1.0-56-cloud-amd64"},
		{"6.1", "arm64", "linux-image-6.1.0-57-cloud-arm64"},
	} {
		got, err := newestKernel(archived, c.series, c.arch)
		if err != nil || got != c.want {
			t.Errorf("newest %s %s: %q, %v; want %q", c.series, c.arch, got, err, c.want)
		}
	}
	for _, series := range []string{"6.2", "6", "6.12.117", ""} {
		if got, err := newestKernel(archived, series, "amd64"); err == nil {
			t.Errorf("series %q gives %q, want an error", series, got)
		}
	}
}

func TestParseURIs(t *testing.T) {
	out := "Reading package lists...\n" +
		"The following NEW packages will be installed:\n  libcap2 linux-perf\n" +
		"'http://deb.debian.org/debian/pool/main/libc/libcap2/libcap2_2.66_amd64.deb' libcap2_1%3a2.66-4_amd64.deb 27708 MD5Sum:f30\n" +
		"'http://deb.debian.org/debian/pool/main/l/linux/linux-perf_6.1_amd64.deb' linux-perf_6.1.192-2_amd64.deb 3421692 \n"
	got := parseURIs(out)
	want := []string{"libcap2_1%3a2.66-4_amd64.deb", "linux-perf_6.1.192-2_amd64.deb"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if v, err := versionOf("libcap2", got); err != nil || v != "1:2.66-4" {
		t.Errorf("version of libcap2: %q, %v", v, err)
	}
	if _, err := versionOf("perf", got); err == nil {
		t.Error("a package apt did not name has a version")
	}
}

func TestAptConfKeepsEverythingInside(t *testing.T) {
	conf := aptConf("/cache/of mine", "arm64")
	for _, want := range []string{
		`APT::Architecture "arm64";`, `Dir::State "/cache/of mine/state";`, `Dir::State::status "/cache/of mine/status";`,
		`Dir::Cache "/cache/of mine/cache";`, `Dir::Etc::sourcelist "/cache/of mine/sources.list";`,
	} {
		if !strings.Contains(conf, want) {
			t.Errorf("apt.conf lacks %s:\n%s", want, conf)
		}
	}
}
