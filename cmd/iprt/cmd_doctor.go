package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/node/datadir"
	"github.com/iprt/iprt/host/policy"
)

// finding is one line of the doctor, and its JSON shape.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // "ok", "warn" or "fail"
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
}

func ok(check, detail string) finding       { return finding{check, "ok", detail, ""} }
func warn(check, detail, do string) finding { return finding{check, "warn", detail, do} }

func failed(check string, err error) finding {
	e := node.Explain(err)
	return finding{check, "fail", e.Message, e.Advice}
}

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong",
		Long: `Check the data directory, the engine, the built-in modules, the control socket
and the addresses to listen on. Each line says ok, warn or fail, and what to do.
The exit status is 1 if anything fails. Nothing is changed.`,
		Example: "  iprt doctor\n  iprt --json doctor",
		Args:    wants(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			bad := 0
			for _, check := range []func(context.Context) finding{
				a.checkDir, a.checkDisk, a.checkKey, a.checkPolicy, a.checkNode,
				a.checkEngine, a.checkCompile, a.checkQuarantine, a.checkBuiltin, a.checkListen,
			} {
				f := check(cmd.Context())
				if f.Result == "fail" {
					bad++
				}
				if err := a.print(f, func(w io.Writer) error { return printFinding(w, f) }); err != nil {
					return err
				}
			}
			if bad > 0 {
				return control.Errorf(control.Failed, "unhealthy", "do what the lines above say", "%d checks failed", bad)
			}
			return nil
		},
	}
}

func printFinding(w io.Writer, f finding) error {
	out := &lines{w: w}
	out.printf("%-4s  %-9s  %s\n", f.Result, f.Check, oneLine(f.Detail))
	if f.Do != "" {
		out.printf("%-17s→ %s\n", "", oneLine(f.Do))
	}
	return out.err
}

func (a *app) checkDir(context.Context) finding {
	const name = "data dir"
	info, err := os.Stat(a.flags.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ok(name, a.flags.dir+" is not there yet; the first command that needs it makes it")
	case err != nil:
		return failed(name, fileError(err))
	case !info.IsDir():
		return finding{name, "fail", a.flags.dir + " is not a directory", "choose another with --data-dir"}
	}
	if err := datadir.CheckVersion(a.flags.dir); err != nil {
		return failed(name, err)
	}
	if err := datadir.CheckOwner(a.flags.dir); err != nil {
		return failed(name, err)
	}
	if who := datadir.Strangers(a.flags.dir); who != "" {
		return warn(name, a.flags.dir+" can be changed by "+who, "run: chmod go-w "+a.flags.dir+", or chown it")
	}
	return ok(name, a.flags.dir)
}

// checkDisk writes, syncs and removes a small file where blocks would go.
func (a *app) checkDisk(context.Context) finding {
	const name = "disk"
	dir := a.flags.dir
	for { // the nearest directory that exists is the one that must be writable
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	f, err := os.CreateTemp(dir, ".iprt-doctor-")
	if err != nil {
		return finding{name, "fail", err.Error(), "make room, or choose a directory that you may write to with --data-dir"}
	}
	_, err = f.Write(make([]byte, 4096))
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	if err != nil {
		return finding{name, "fail", err.Error(), "make room on the disk, or check it"}
	}
	return ok(name, dir+" can be written")
}

func (a *app) checkKey(context.Context) finding {
	const name = "key"
	k, err := datadir.ReadKey(filepath.Join(a.flags.dir, "key"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ok(name, "there is none yet; one is made when a node first runs")
	case err != nil:
		return failed(name, err)
	}
	id, err := node.PeerID(k)
	if err != nil {
		return failed(name, err)
	}
	return ok(name, "peer "+id)
}

func (a *app) checkPolicy(context.Context) finding {
	p, err := policy.Open(filepath.Join(a.flags.dir, "policy.json"))
	if err != nil {
		return failed("policy", err)
	}
	return policyFinding(p)
}

// policyFinding says all that a policy decides.
func policyFinding(p *policy.File) finding {
	doc := p.Document()
	detail := "only built-in modules may run, and what a command names"
	if len(doc.Allow)+len(doc.Deny)+len(doc.Grants) > 0 {
		detail = fmt.Sprintf("%s, %d denied, grants for %s", plural(len(doc.Allow), "module is allowed", "modules are allowed"),
			len(doc.Deny), plural(len(doc.Grants), "binding", "bindings"))
	}
	detail += "; blocks bring in: " + string(p.Envelopes())
	if p.Envelopes() == policy.EnvelopesPure {
		return warn("policy", detail, `any block may bring in code that can reach nothing and is bounded in what it uses; write "allow-list" in `+p.Path()+" if that is not meant")
	}
	return ok("policy", detail)
}

// checkNode asks the running node, if there is one, for its state.
func (a *app) checkNode(ctx context.Context) finding {
	const name = "node"
	c, err := control.Dial(ctx, a.flags.dir)
	if errors.Is(err, control.ErrNoNode) {
		return a.checkLock()
	}
	if err != nil {
		return failed(name, err)
	}
	defer func() { _ = c.Close() }()
	s, err := c.Status(ctx)
	if err != nil {
		return failed(name, err)
	}
	return ok(name, "runs, with "+plural(len(s.Peers), "peer", "peers")+", and answers at "+oneLine(s.Control))
}

func (a *app) checkLock() finding {
	if _, err := os.Stat(a.flags.dir); err != nil {
		return ok("node", "none runs")
	}
	locked, err := datadir.Locked(a.flags.dir)
	switch {
	case err != nil:
		return failed("node", err)
	case locked:
		return warn("node", "a process holds the data directory and does not answer", "wait for it, or find and stop it")
	}
	return ok("node", "none runs")
}

func (a *app) checkEngine(ctx context.Context) finding {
	eng, err := engines()[a.flags.engine]()
	if err != nil {
		return failed("engine", err)
	}
	name := eng.Name()
	if err := eng.Close(ctx); err != nil {
		return failed("engine", err)
	}
	return ok("engine", name+" on "+runtime.GOOS+"/"+runtime.GOARCH)
}

// checkBuiltin compares the modules in this program with its lock.
func (a *app) checkBuiltin(ctx context.Context) finding {
	const name = "built in"
	modules := builtin()
	for _, m := range modules {
		if id := fetch.Identity(m.Bytes); !id.Equals(m.CID) {
			return finding{name, "fail", m.Name + " is " + id.String() + ", and the lock says " + m.CID.String(), "get this program again; it is damaged"}
		}
		r, err := a.reportOn(ctx, m.Bytes, m.Name)
		if err != nil {
			return failed(name, err)
		}
		if r.Fault != "" {
			return finding{name, "fail", m.Name + ": " + r.Fault, "get this program again; it is damaged"}
		}
	}
	return ok(name, plural(len(modules), "module matches", "modules match")+" "+iprt.LockFile)
}

func (a *app) checkListen(context.Context) finding {
	const name = "listen"
	addrs := a.flags.listen
	if len(addrs) == 0 {
		addrs = []string{defaultListen}
	}
	for _, s := range addrs {
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			return finding{name, "fail", "not a multiaddr: " + s, "write it like /ip4/127.0.0.1/tcp/4001"}
		}
		if err := tryListen(addr); err != nil {
			return finding{name, "fail", s + ": " + err.Error(), "choose a free address with --listen, or stop what uses it"}
		}
	}
	return ok(name, list(addrs)+" can be listened on")
}

// tryListen opens the first two components, the address and the port.
func tryListen(addr ma.Multiaddr) error {
	network, host, err := manet.DialArgs(addr)
	if err != nil {
		return err
	}
	var l io.Closer
	if len(network) >= 3 && network[:3] == "udp" {
		l, err = net.ListenPacket(network, host)
	} else {
		l, err = net.Listen(network, host)
	}
	if err != nil {
		return err
	}
	return l.Close()
}
