package control

import "time"

// Reach says how far a request may go for blocks that are not in the store.
// The zero value is: wherever the node itself may go.
type Reach struct {
	// Offline keeps the request to the local store.
	Offline bool `json:"offline,omitempty"`
	// Peers are multiaddrs ending in /p2p/ID that the node connects to first.
	Peers []string `json:"peers,omitempty"`
	// Gateways are base URLs of trustless gateways to ask besides the node's own.
	Gateways []string `json:"gateways,omitempty"`
	// Session, which only GetBlock looks at, is any text, of at most 64 bytes,
	// that is not used again. Calls with the same one and the same reach are
	// about blocks below that of the first call, and share what the node knows of
	// who has them, for as long as less than half a minute passes between them.
	Session string `json:"session,omitempty"`
}

// Status describes a node.
type Status struct {
	Peer      string   `json:"peer"`
	Addresses []string `json:"addresses"` // multiaddrs with /p2p/ID; empty when it does not listen
	Running   bool     `json:"running"`   // false for a node that lives for one command
	Version   string   `json:"version"`
	Engine    string   `json:"engine"`
	DataDir   string   `json:"data_dir"`
	Offline   bool     `json:"offline"`
	Control   string   `json:"control,omitempty"` // path of the socket
	HTTP      string   `json:"http,omitempty"`    // base URL of the trustless gateway
	Metrics   string   `json:"metrics,omitempty"` // URL of the Prometheus page
	Peers     []string `json:"peers"`             // ids of connected peers
	// Started is when the node began to listen.
	Started time.Time `json:"started,omitzero"`
}

// Role is one place a module can fill.
type Role struct {
	Role string `json:"role"`           // "codec/v1"
	Name string `json:"name,omitempty"` // of the codec
	Code uint64 `json:"code,omitempty"` // multicodec code
}

// Module is one loaded module.
type Module struct {
	Binding string    `json:"binding"`
	CID     string    `json:"cid"` // identity: raw, sha2-256, of the module's bytes
	Locator string    `json:"locator"`
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Size    int       `json:"size"`
	From    string    `json:"from"` // the source of the bytes
	Roles   []Role    `json:"roles"`
	Purity  string    `json:"purity"`
	Grants  []string  `json:"grants"`
	Loaded  time.Time `json:"loaded,omitzero"`
}

// LoadRequest asks for a module under a binding.
type LoadRequest struct {
	// Module is a CID or the name of a module that is built in.
	Module string `json:"module"`
	// Binding defaults to the name in the manifest.
	Binding string `json:"binding,omitempty"`
	// Allow permits this module for this load, without a durable grant.
	Allow bool  `json:"allow,omitempty"`
	Reach Reach `json:"reach,omitzero"`
}

// InspectRequest asks for a report on a module.
type InspectRequest struct {
	Module string `json:"module"` // CID or built-in name
	Reach  Reach  `json:"reach,omitzero"`
}

// GrantRequest is either a list of modules, or a binding with interfaces.
type GrantRequest struct {
	Modules    []string `json:"modules,omitempty"`
	Binding    string   `json:"binding,omitempty"`
	Interfaces []string `json:"interfaces,omitempty"`
	// To, the identity of a module, makes it the only one that gets what the
	// binding is granted, now and later.
	To string `json:"to,omitempty"`
}

// DenyRequest lists modules by identity, or by the name of one that is built in.
type DenyRequest struct {
	Modules []string `json:"modules"`
	// Remove takes them off the list of what is denied, which allows nothing.
	Remove bool `json:"remove,omitempty"`
}

// Denied says what followed at once from a denial.
type Denied struct {
	Unloaded []string `json:"unloaded"` // bindings
}

// DagGetRequest names a node of a DAG.
type DagGetRequest struct {
	// Path is CID[/STEP…]; the step "~" enters a self-describing block.
	Path string `json:"path"`
	// Resolve enters self-describing blocks without the step.
	Resolve bool `json:"resolve,omitempty"`
	// Allow lists modules that may run for this request. Those that are codecs
	// decode blocks of their code, where the node has no codec for it.
	Allow []string `json:"allow,omitempty"`
	Reach Reach    `json:"reach,omitzero"`
}

// DagPutRequest carries one DAG-JSON document.
type DagPutRequest struct {
	// Codec is the name or number of the codec to store as.
	Codec string `json:"codec"`
	// Document is DAG-JSON of at most [MaxDocument] bytes.
	Document []byte `json:"-"`
}

// DescribeRequest asks for an envelope around a foreign block.
type DescribeRequest struct {
	// Codec is the CID of the module that reads the block.
	Codec string `json:"codec"`
	// Data is the CID of the raw block, which must be in the store.
	Data string `json:"data"`
	// Allow permits the codec for this request, without a durable grant.
	Allow bool  `json:"allow,omitempty"`
	Reach Reach `json:"reach,omitzero"`
}

// Put says what was stored.
type Put struct {
	CID  string `json:"cid"`
	Size int    `json:"size"`
}
