package main

import (
	"runtime"
	"runtime/debug"
)

// version is set by the linker: make build, and releases.
var version string

// versionText names the version, or the commit that `go install` or `go build` has
// taken, and what it was built for.
func versionText() string {
	is := version
	if info, ok := debug.ReadBuildInfo(); ok && is == "" {
		is = info.Main.Version
	}
	if is == "" {
		is = "of no version"
	}
	return is + " (" + runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version() + ")"
}
