package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/artifact"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/node"
)

// minimal is the smallest module: a header and nothing else.
var minimal = []byte("\x00asm\x01\x00\x00\x00")

// checkCompile lets this program start itself, as it does for modules that are dear
// to compile, and looks at what was kept.
func (a *app) checkCompile(ctx context.Context) finding {
	const name = "compile"
	eng, err := engines()[a.flags.engine]()
	if err != nil {
		return failed(name, err)
	}
	defer func() { _ = eng.Close(ctx) }()
	if _, can := eng.(engine.Precompiler); !can {
		return ok(name, eng.Name()+" has nothing to compile and keeps no code")
	}
	child := artifact.Child{Args: compileArgs(eng, a.flags.engine), MaxTime: 20 * time.Second}
	if _, err := child.Compile(ctx, minimal); err != nil {
		return warn(name, oneLine(err.Error()), "modules that are dear to compile are refused until this program can start itself: look at limits and mounts of its environment")
	}
	kept, _ := node.ReadKept(a.flags.dir) // of the quarantines; see checkQuarantine
	return ok(name, fmt.Sprintf("code of %s is kept, %s; what is dear is compiled by a process of its own, bounded in %s",
		plural(kept.Artifacts, "module", "modules"), bytesText(uint64(kept.ArtifactBytes)), strings.Join(artifact.Bounds(), ", ")))
}

// checkQuarantine lists the modules that kept failing.
func (a *app) checkQuarantine(context.Context) finding {
	const name = "failing"
	kept, err := node.ReadKept(a.flags.dir)
	if err != nil {
		return warn(name, oneLine(err.Error()), "remove the file: only the memory of which modules kept failing is lost")
	}
	var now []string
	for _, q := range kept.Quarantines {
		if q.Until.After(time.Now()) {
			now = append(now, quarantineText(q))
		}
	}
	if len(now) == 0 {
		return ok(name, "no module is in quarantine")
	}
	return warn(name, plural(len(now), "quarantine", "quarantines")+": "+strings.Join(now, "; "),
		"wait, or use another module; to stop one for good: iprt deny CID")
}

func quarantineText(q host.Quarantine) string {
	where := ""
	if q.Domain != "" {
		where = " for " + oneLine(q.Domain)
	}
	return fmt.Sprintf("%s%s until %s: %s", q.Module, where, q.Until.UTC().Format(time.RFC3339), oneLine(q.Reason))
}
