package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// lifecycles has requests at the wrong time, many at once, and versions that fail.
func lifecycles(c *corpus) {
	call := func(want ...Outcome) Step { return decodes("it", []byte("input"), want...) }
	c.add(Lifecycle, "never-loaded", "calls in a place that was never filled", func() []Step {
		return []Step{call(Error), {Do: Unload{Place: "it"}, Want: []Outcome{Error}}, {Do: Decode{Place: "it"}, Want: []Outcome{Error}}}
	})
	c.add(Lifecycle, "unloaded", "calls after unloading, and unloading twice", func() []Step {
		return []Step{
			loaded("it", nil), call(OK), {Do: Unload{Place: "it"}, Want: []Outcome{OK}}, call(Error), {Do: Unload{Place: "it"}, Want: []Outcome{Error}}, call(Error),
			loaded("it", nil), call(OK),
		}
	})
	for _, n := range []int{2, 20, 100} {
		c.add(Lifecycle, count("unload-in-flight", n), "unloading while calls are under way", func() []Step {
			var all Together
			for range n {
				all.Steps = append(all.Steps, Step{Do: Call{Place: "it", Export: "decode", Input: make([]byte, 10_000)}, Want: []Outcome{OK, Error}, Times: 10})
			}
			all.Steps = append(all.Steps, Step{Do: Unload{Place: "it"}, Want: []Outcome{OK}})
			return []Step{loaded("it", nil), {Do: all, Want: []Outcome{OK}}, call(Error)}
		})
		c.add(Lifecycle, count("replace-in-flight", n), "another version in the same place while calls are under way", func() []Step {
			var all Together
			for range n {
				all.Steps = append(all.Steps, Step{Do: Call{Place: "it", Export: "decode", Input: make([]byte, 10_000)}, Want: []Outcome{OK, Error.Of("closed")}, Times: 10})
			}
			all.Steps = append(all.Steps, loaded("it", nil, w.ManifestVersion("2.0.0")))
			return []Step{loaded("it", nil), {Do: all, Want: []Outcome{OK}}, call(OK)}
		})
		c.add(Lifecycle, count("load-at-once", n), "the same module loaded many times at once", func() []Step {
			var all Together
			for i := range n {
				all.Steps = append(all.Steps, loaded(fmt.Sprint("it", i), nil))
			}
			return []Step{{Do: all, Want: []Outcome{OK}}, decodes("it1", []byte("input"), OK)}
		})
		c.add(Lifecycle, count("calls-at-once", n), "more calls at once than there are instances", func() []Step {
			var all Together
			for range n {
				all.Steps = append(all.Steps, Step{Do: Call{Place: "it", Export: "decode", Input: []byte("input")}, Want: []Outcome{OK}, Times: 5})
			}
			return []Step{loaded("it", nil), {Do: all, Want: []Outcome{OK}}}
		})
	}
	for _, v := range []struct {
		name string
		opt  w.Option
	}{
		{"status", w.Init(w.Code{}.I32Const(2))}, {"trap", w.Init(w.Code{}.Op(w.OpUnreachable))}, {"initialize", w.Initialize(w.Code{}.Op(w.OpUnreachable))},
		{"error-record", w.ErrorAt(0)}, {"invalid", w.Without(decode)}, {"memory", w.Memory(2_000, 3_000)},
	} {
		c.add(Lifecycle, "bad-version/"+v.name, "a new version that does not start: the old one goes on", func() []Step {
			bad := Load{Place: "it", Wasm: w.Codec(w.ManifestVersion("2.0.0"), v.opt)}
			return []Step{loaded("it", nil), call(OK), {Do: bad, Want: []Outcome{Error, Trap, Reject, Limit}}, call(OK)}
		})
	}
	c.add(Lifecycle, "load-unload", "loading and unloading, over and over", func() []Step {
		var steps []Step
		for i := range 100 {
			steps = append(steps, loaded("it", nil, w.ManifestVersion(fmt.Sprintf("1.0.%d", i))), call(OK), Step{Do: Unload{Place: "it"}, Want: []Outcome{OK}})
		}
		return steps
	})
	c.elsewhere(Lifecycle, "two-goroutines", "one instance used from two goroutines, and from the host call that it is in",
		"host.TestOneInstanceTwoGoroutines")
	c.elsewhere(Lifecycle, "close-in-call", "closing a module, or the host, during a call, and twice",
		"host.TestCloseDuringCall", "host.TestCloseTwice", "host.TestInstanceAfterClose", "host.TestStaleHandle")
}
