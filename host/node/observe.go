package node

import (
	"github.com/ipfs/go-cid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/iprt/iprt/host"
)

// observer counts what the host does. Labels have few values: no CIDs, which
// strangers could make without end.
type observer struct {
	loads, calls *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	bytes        *prometheus.CounterVec
	instances    prometheus.Gauge
}

func newObserver(reg prometheus.Registerer) host.Observer {
	o := observer{
		loads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iprt_loads_total", Help: "Modules that were loaded, by result."}, []string{"result"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iprt_calls_total", Help: "Calls into modules, by export and result."}, []string{"export", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "iprt_call_seconds", Help: "Time that calls into modules took.",
			Buckets: prometheus.ExponentialBuckets(1e-6, 10, 8)}, []string{"export"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iprt_call_bytes_total", Help: "Bytes that went into modules and came out."}, []string{"direction"}),
		instances: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "iprt_instances", Help: "Instances of modules that are running."}),
	}
	reg.MustRegister(o.loads, o.calls, o.seconds, o.bytes, o.instances)
	return o
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return Explain(err).Slug
}

func (o observer) Loaded(e host.LoadEvent) { o.loads.WithLabelValues(result(e.Err)).Inc() }

func (o observer) Called(e host.CallEvent) {
	export := e.Export.String()
	o.calls.WithLabelValues(export, result(e.Err)).Inc()
	o.seconds.WithLabelValues(export).Observe(e.Took.Seconds())
	o.bytes.WithLabelValues("in").Add(float64(e.In))
	o.bytes.WithLabelValues("out").Add(float64(e.Out))
}

func (o observer) InstanceStarted(cid.Cid, string)     { o.instances.Inc() }
func (o observer) InstanceEnded(cid.Cid, string, bool) { o.instances.Dec() }
