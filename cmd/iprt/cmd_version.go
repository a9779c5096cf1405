package main

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/abi"
)

// versionInfo is the stable shape of `iprt version --json`.
type versionInfo struct {
	Version    string   `json:"version"`
	Go         string   `json:"go"`
	Platform   string   `json:"platform"`
	Engines    []string `json:"engines"`
	ABI        string   `json:"abi"`
	Interfaces []string `json:"interfaces"`
	Roles      []string `json:"roles"`
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say what this is",
		Example: "  iprt version\n  iprt --json version",
		Args:    wants(cobra.NoArgs, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{
				Version:    version(),
				Go:         runtime.Version(),
				Platform:   runtime.GOOS + "/" + runtime.GOARCH,
				Engines:    engineList(),
				ABI:        abi.ExportMarker,
				Interfaces: interfaces(),
				Roles:      roles(),
			}
			return a.print(v, func(w io.Writer) error {
				out := &lines{w: w}
				out.printf("iprt %s %s %s\n", v.Version, v.Go, v.Platform)
				out.printf("engines    %s\n", list(v.Engines))
				out.printf("abi        %s\n", v.ABI)
				out.printf("interfaces %s\n", list(v.Interfaces))
				out.printf("roles      %s\n", list(v.Roles))
				return out.err
			})
		},
	}
}

// version is what the build recorded about itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// interfaces lists what modules can import from this host.
func interfaces() []string {
	var names []string
	for _, i := range abi.Interfaces {
		names = append(names, i.Name)
	}
	return append(names, abi.InterfaceWASI)
}

func roles() []string {
	var names []string
	for _, r := range abi.Roles {
		names = append(names, r.Name)
	}
	return names
}
