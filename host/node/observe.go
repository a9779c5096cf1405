package node

import (
	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/artifact"
)

// observer counts what the host does. Labels have few values: no CIDs, which
// strangers could make without end.
type observer struct {
	loads, calls         *prometheus.CounterVec
	loadTime, compileFor prometheus.Histogram
	callTime             *prometheus.HistogramVec
	bytes                *prometheus.CounterVec
	fuel                 prometheus.Counter
	instances            prometheus.Gauge
	started, discarded   prometheus.Counter
	quarantines          prometheus.Counter
}

var _ host.QuarantineObserver = observer{}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "iprt", Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "iprt", Name: name, Help: help}, labels)
}

// seconds is a histogram of seven powers of ten, from a shortest time on.
func seconds(name, help string, from float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Namespace: "iprt", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(from, 10, 8)}
}

func newObserver(reg prometheus.Registerer) host.Observer {
	o := observer{
		loads:      counters("loads_total", "Modules that were loaded, by result.", "result"),
		loadTime:   prometheus.NewHistogram(seconds("load_duration_seconds", "Time that loading took, from verified bytes to the first instance.", 1e-4)),
		compileFor: prometheus.NewHistogram(seconds("compile_duration_seconds", "Time that making code ready took, from kept code too.", 1e-4)),
		calls:      counters("calls_total", "Calls into modules, by export and result.", "export", "result"),
		callTime:   prometheus.NewHistogramVec(seconds("call_duration_seconds", "Time that calls into modules took.", 1e-6), []string{"export"}),
		bytes:      counters("call_bytes_total", "Bytes that went into modules and came out.", "direction"),
		fuel:       counter("call_fuel_total", "What calls into modules executed, in the units of spec/metering.md."),
		instances: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "iprt", Name: "instances", Help: "Instances of modules that are alive."}),
		started:     counter("instances_started_total", "Instances of modules that were started."),
		discarded:   counter("instances_discarded_total", "Instances that were thrown away after a trap, a limit or a breach of the ABI."),
		quarantines: counter("quarantines_total", "Quarantines of modules that kept failing."),
	}
	reg.MustRegister(o.loads, o.loadTime, o.compileFor, o.calls, o.callTime, o.bytes, o.fuel, o.instances, o.started, o.discarded, o.quarantines)
	return o
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return Explain(err).Slug
}

func (o observer) Loaded(e host.LoadEvent) {
	o.loads.WithLabelValues(result(e.Err)).Inc()
	o.loadTime.Observe(e.Took.Seconds())
	if e.Compile > 0 {
		o.compileFor.Observe(e.Compile.Seconds())
	}
}

func (o observer) Called(e host.CallEvent) {
	export := e.Export.String()
	o.calls.WithLabelValues(export, result(e.Err)).Inc()
	o.callTime.WithLabelValues(export).Observe(e.Took.Seconds())
	o.bytes.WithLabelValues("in").Add(float64(e.In))
	o.bytes.WithLabelValues("out").Add(float64(e.Out))
	o.fuel.Add(float64(e.Fuel))
}

func (o observer) InstanceStarted(cid.Cid, string) {
	o.instances.Inc()
	o.started.Inc()
}

func (o observer) InstanceEnded(_ cid.Cid, _ string, discarded bool) {
	o.instances.Dec()
	if discarded {
		o.discarded.Inc()
	}
}

func (o observer) Quarantined(host.Quarantine) { o.quarantines.Inc() }

// registerHost adds what is asked of the host when somebody looks.
func registerHost(reg prometheus.Registerer, h *host.Host, version, engine string) {
	gauge := func(name, help string, get func(host.HostStats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "iprt", Name: name, Help: help}, func() float64 { return float64(get(h.Stats())) })
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "iprt", Name: "build_info", Help: "Always 1; what this is, as labels.",
		ConstLabels: prometheus.Labels{"version": version, "engine": engine},
	})
	build.Set(1)
	reg.MustRegister(build,
		gauge("modules", "Modules that are loaded.", func(s host.HostStats) int { return s.Modules }),
		gauge("memory_bytes", "Linear memory of the instances that are alive.", func(s host.HostStats) int { return int(s.MemoryBytes) }),
		gauge("run_tokens", "Calls that may run at a time beyond their first slice of fuel.", func(s host.HostStats) int { return s.RunTokens }),
		gauge("run_tokens_in_use", "Calls that run beyond their first slice of fuel.", func(s host.HostStats) int { return s.RunTokensInUse }),
		gauge("run_queue_length", "Calls that wait for a run token.", func(s host.HostStats) int { return s.RunQueue }),
		gauge("quarantined", "Quarantines that hold now.", func(s host.HostStats) int { return s.Quarantined }),
	)
}

// registerArtifacts adds what the compile cache counts.
func registerArtifacts(reg prometheus.Registerer, s *artifact.Store) {
	for _, c := range []struct {
		name, help string
		get        func(artifact.Stats) uint64
	}{
		{"compile_cache_hits_total", "Compiled code that was found in the cache.", func(s artifact.Stats) uint64 { return s.Hits }},
		{"compile_cache_misses_total", "Compiled code that was not found in the cache, or not authentic.", func(s artifact.Stats) uint64 { return s.Misses }},
		{"compile_cache_damaged_total", "Entries of the cache that were not authentic.", func(s artifact.Stats) uint64 { return s.Damaged }},
		{"compile_cache_evicted_total", "Entries of the cache that made room, or were too old.", func(s artifact.Stats) uint64 { return s.Evicted }},
		{"compile_processes_total", "Modules that were compiled by a process of their own.", func(s artifact.Stats) uint64 { return s.Compiled + s.Failed }},
		{"compile_processes_failed_total", "Processes that did not compile their module.", func(s artifact.Stats) uint64 { return s.Failed }},
	} {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "iprt", Name: c.name, Help: c.help},
			func() float64 { return float64(c.get(s.Stats())) }))
	}
}
