package node

import (
	"net/http"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/gateway"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// trustlessGateway serves blocks and CARs of the local store under /ipfs/. It
// fetches nothing for strangers, interprets nothing and resolves no names.
func trustlessGateway(bs blockstore.Blockstore, reg prometheus.Registerer) (http.Handler, error) {
	if reg == nil {
		reg = prometheus.NewRegistry() // boxo would take the process-wide one
	}
	// A block service without an exchange answers from the store alone.
	backend, err := gateway.NewBlocksBackend(blockservice.New(bs, nil))
	if err != nil {
		return nil, err
	}
	handler := gateway.NewHandler(gateway.Config{
		DeserializedResponses: false,
		NoDNSLink:             true,
		DisableHTMLErrors:     true,
		RetrievalTimeout:      gateway.DefaultRetrievalTimeout,
		MaxConcurrentRequests: 256,
		MetricsRegistry:       reg,
	}, backend)
	mux := http.NewServeMux()
	mux.Handle("/ipfs/", handler) // not /ipns/: that would look up names in the DNS
	// Pages of any origin may read: what is served is public to whoever reaches
	// the port, and no request changes anything or carries credentials.
	return gateway.NewHeaders(nil).ApplyCors().Wrap(readOnly(mux)), nil
}

// readOnly answers a browser's question what it may do, and nothing that could be
// meant to change something.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			next.ServeHTTP(w, r)
		case http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			http.Error(w, "this gateway is read-only", http.StatusMethodNotAllowed)
		}
	})
}

func metricsHandler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	return mux
}
