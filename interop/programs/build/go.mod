// Programs that nobody wrote for iprt, with the dependencies that their own
// releases pin.
module github.com/iprt/iprt/interop/programs/build

go 1.26.5

tool (
	github.com/itchyny/gojq/cmd/gojq
	mvdan.cc/sh/v3/cmd/shfmt
)

require (
	github.com/google/renameio/v2 v2.0.0 // indirect
	github.com/itchyny/gojq v0.12.17 // indirect
	github.com/itchyny/timefmt-go v0.1.6 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/mattn/go-runewidth v0.0.15 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/rogpeppe/go-internal v1.14.1 // indirect
	golang.org/x/sys v0.33.0 // indirect
	golang.org/x/term v0.32.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	mvdan.cc/editorconfig v0.3.0 // indirect
	mvdan.cc/sh/v3 v3.12.0 // indirect
)
