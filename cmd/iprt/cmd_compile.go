package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/artifact"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/node/control"
)

const compileVerb = "compile-module"

// compileArgs are the arguments with which this program compiles one module in a
// process of its own. None means that the engine keeps no code.
func compileArgs(e engine.Engine, name string) []string {
	if _, ok := e.(engine.Precompiler); !ok {
		return nil
	}
	return []string{compileVerb, name}
}

// compileCmd is how this program starts itself. It is not for people: what it reads and
// writes is between two processes of one build.
func (a *app) compileCmd() *cobra.Command {
	return &cobra.Command{
		Use:    compileVerb + " ENGINE",
		Hidden: true,
		Args:   wants(cobra.ExactArgs(1), "one ENGINE"),
		// It has no home, no data directory and no need for either.
		PersistentPreRunE: func(_ *cobra.Command, args []string) error { return checkEngine(args[0]) },
		RunE: func(_ *cobra.Command, args []string) error {
			status := artifact.ChildMain(a.stdin, a.stdout, func() (artifact.Compiler, error) { return compiler(args[0]) })
			if status != 0 {
				return control.Errorf(control.Failed, "compile-failed", "this command is for iprt itself", "nothing was compiled")
			}
			return nil
		},
	}
}

func compiler(name string) (artifact.Compiler, error) {
	e, err := engines()[name]()
	if err != nil {
		return nil, err
	}
	p, ok := e.(engine.Precompiler)
	if !ok {
		return nil, fmt.Errorf("%s keeps no code", name)
	}
	return p, nil
}
