package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// outside reads a file of the repository by its path there.
func outside(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// understood wants a command line to be one that the program takes.
func understood(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := newRoot(io.Discard, io.Discard, new(bool)).Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err != nil || !c.Runnable() {
		t.Errorf("%q: %v", args, err)
	}
}

func TestKubernetesExample(t *testing.T) {
	t.Setenv("PGPASSWORD", "p")
	t.Setenv("CH_PASSWORD", "c")
	seen := 0
	for d := yaml.NewDecoder(strings.NewReader(outside(t, "docs/operations/kubernetes.yaml"))); ; {
		var object struct {
			Kind string
			Data map[string]string
			Spec struct {
				Replicas int
				Template struct {
					Spec struct {
						Containers []struct {
							Args []string
						}
					}
				}
			}
		}
		if err := d.Decode(&object); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch object.Kind {
		case "ConfigMap":
			dir := t.TempDir()
			path := filepath.Join(dir, "pgsluice.yaml")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(object.Data["pgsluice.yaml"], "/spool", dir)), 0o600); err != nil {
				t.Fatal(err)
			}
			all, err := (&flags{configs: []string{path}, flush: -1}).resolve(true)
			if err != nil || all[0].Name != "shop" || all[0].Page.Listen == "" {
				t.Errorf("%+v, %v", all, err)
			}
			seen++
		case "Deployment":
			if containers := object.Spec.Template.Spec.Containers; object.Spec.Replicas != 2 || len(containers) != 1 {
				t.Errorf("%+v", object.Spec)
			} else {
				understood(t, containers[0].Args)
			}
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("%d objects", seen)
	}
}

func TestSystemdUnit(t *testing.T) {
	unit := outside(t, "docs/operations/pgsluice@.service")
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/pgsluice (.*)$`).FindStringSubmatch(unit)
	if line == nil {
		t.Fatal("the unit starts something else")
	}
	understood(t, strings.Fields(line[1]))
}

// The same programs are made by make release, by goreleaser and for containers.
func TestReleasesAreTheSameEverywhere(t *testing.T) {
	platforms := regexp.MustCompile(`(?m)^PLATFORMS \?= (.*)$`).FindStringSubmatch(outside(t, "Makefile"))
	var config struct {
		Builds []struct {
			Main    string
			Env     []string
			Ldflags []string
			Targets []string
		}
		Archives []struct{ Files []string }
	}
	if err := yaml.Unmarshal([]byte(outside(t, ".goreleaser.yaml")), &config); err != nil || len(config.Builds) != 1 || platforms == nil {
		t.Fatalf("%+v, %v, %q", config, err, platforms)
	}
	build := config.Builds[0]
	if got := strings.ReplaceAll(strings.Join(build.Targets, " "), "_", "/"); got != platforms[1] {
		t.Errorf("goreleaser builds for %s, make for %s", got, platforms[1])
	}
	if !slices.Contains(build.Env, "CGO_ENABLED=0") || !strings.Contains(strings.Join(build.Ldflags, " "), "-X main.version=") || build.Main != "./cmd/pgsluice" {
		t.Errorf("%+v", build)
	}
	for _, file := range config.Archives[0].Files {
		if !strings.HasPrefix(file, "bin/") {
			outside(t, file)
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(outside(t, "go.mod"))
	if docker := outside(t, "Dockerfile"); !strings.Contains(docker, "FROM golang:"+goVersion[1]+" ") || !strings.Contains(docker, "CGO_ENABLED=0") {
		t.Error("the Dockerfile builds with another Go, or not statically")
	}
}

func TestEveryCommandHasAPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if code := execute([]string{"man", dir}, io.Discard, io.Discard); code != exitDone {
		t.Fatalf("exit %d", code)
	}
	root := newRoot(io.Discard, io.Discard, new(bool))
	for _, c := range root.Commands() {
		if c.Hidden {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, "pgsluice-"+c.Name()+".1"))
		if err != nil || !bytes.Contains(page, []byte("Exit status")) && c.Name() != "demo" {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
}

func TestShellsComplete(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var out bytes.Buffer
		if code := execute([]string{"completion", shell}, &out, io.Discard); code != exitDone || !strings.Contains(out.String(), "pgsluice") {
			t.Errorf("%s: exit %d, %d bytes", shell, code, out.Len())
		}
	}
	var out bytes.Buffer
	if execute([]string{cobra.ShellCompRequestCmd, "re"}, &out, io.Discard); !strings.Contains(out.String(), "resync") {
		t.Error(out.String())
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if code := execute([]string{"--version"}, &out, io.Discard); code != exitDone || !strings.HasPrefix(out.String(), "pgsluice version ") {
		t.Errorf("exit %d: %s", code, &out)
	}
}
