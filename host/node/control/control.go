// Package control is the door to a running node: the verbs of a node as one Go
// interface, [API], answered over HTTP/1.1 and JSON on a Unix socket.
//
// Start with [Listen] and [Handler] on the node's side and [Dial] on the other;
// what [Dial] returns is an [API] again, so a command does not know whether it
// talks to a node in its own process or to one that runs elsewhere. The wire
// is documented in spec/control.md; its paths begin with /v1/, and within v1
// fields are only ever added.
//
// The socket has mode 0600 inside a directory of mode 0700: whoever can open it
// may do what the owner of the node may do. There is no other authentication.
package control

import (
	"context"

	"github.com/iprt/iprt/host"
)

// API is what can be asked of a node. Every method may be called from any
// number of goroutines. Errors are always a [*Error].
type API interface {
	// Status says who the node is and where it listens.
	Status(ctx context.Context) (Status, error)

	// Modules lists the loaded modules, ordered by binding.
	Modules(ctx context.Context) ([]Module, error)
	// Load fetches, verifies and binds a module. Loading what a binding holds
	// already is not an error; a binding that holds another module is a conflict.
	Load(ctx context.Context, r LoadRequest) (Module, error)
	// Unload removes a binding. Calls in flight finish first.
	Unload(ctx context.Context, binding string) error
	// Inspect reports on a module without running any of it.
	Inspect(ctx context.Context, r InspectRequest) (host.Report, error)
	// Grant records, durably, what the operator allows.
	Grant(ctx context.Context, r GrantRequest) error
	// Deny records, durably, which modules may not run whoever allows them, and
	// unloads those that do. Calls in flight finish first.
	Deny(ctx context.Context, r DenyRequest) (Denied, error)

	// GetBlock returns the verified bytes of one block. The caller owns them.
	GetBlock(ctx context.Context, cid string, r Reach) ([]byte, error)
	// PutBlock stores one block, of at most [MaxBlock] bytes, whose bytes hash
	// to the CID. When it returns, the block is on disk.
	PutBlock(ctx context.Context, cid string, data []byte) error

	// DagGet decodes through codec modules what a path leads to, as DAG-JSON.
	DagGet(ctx context.Context, r DagGetRequest) ([]byte, error)
	// DagPut encodes DAG-JSON through a codec module and stores the block.
	DagPut(ctx context.Context, r DagPutRequest) (Put, error)
	// Describe stores an envelope: a block that names the codec module with
	// which a foreign block is to be read.
	Describe(ctx context.Context, r DescribeRequest) (Put, error)
}

// Bounds of the protocol, in bytes.
const (
	// MaxBlock is the size of the largest block that bitswap peers exchange.
	MaxBlock = 2 << 20
	// MaxDocument bounds the DAG-JSON of one request.
	MaxDocument = 16 << 20
	// MaxRequest bounds the body of every other request.
	MaxRequest = 64 << 10
	// MaxResponse bounds what a client reads of one response.
	MaxResponse = 256 << 20
)
