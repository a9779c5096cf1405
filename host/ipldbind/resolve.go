package ipldbind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
)

// Enter is the step of a path that goes from an envelope into its decoded data.
const Enter = "~"

// Resolver follows paths through blocks, and into envelopes where the path says so. Its fields must not change while it is in use; its
// methods may be called concurrently.
type Resolver struct {
	// LinkSystem has the blocks, and the decoders for codes that Codecs lacks. Hashes are checked whatever it says about trust.
	LinkSystem *linking.LinkSystem

	// Codecs are the program's own codec modules. They come before the decoders of LinkSystem. May be nil.
	Codecs *Codecs

	// Modules finds the modules that envelopes name. With nil, no envelope can be entered.
	Modules Modules

	// Policy decides which of them may run. Nil denies all.
	Policy Policy

	// Budget is what one resolution may take.
	Budget Budget
}

// Modules finds codec modules by CID.
type Modules interface {
	// Inspect fetches a module and tells what it is, running nothing of it.
	Inspect(ctx context.Context, c cid.Cid) (ModuleInfo, error)

	// Load fetches a module and makes it ready for use, until release is called. It is called only for modules that the policy
	// allowed.
	Load(ctx context.Context, c cid.Cid) (codec *Codec, release func(), err error)
}

// Budget bounds one resolution with everything in it. Zero fields mean the defaults. What fetching a module may take is its loader's to
// bound.
type Budget struct {
	Blocks  int           // blocks loaded; default 256
	Bytes   int64         // bytes of these; default 32 MiB
	Modules int           // modules that envelopes brought in; default 4
	Time    time.Duration // default 1 minute
}

func (b Budget) filled() Budget {
	if b.Blocks <= 0 {
		b.Blocks = 256
	}
	if b.Bytes <= 0 {
		b.Bytes = 32 << 20
	}
	if b.Modules <= 0 {
		b.Modules = 4
	}
	if b.Time <= 0 {
		b.Time = time.Minute
	}
	return b
}

// Options choose how [Resolver.Resolve] treats a path.
type Options struct {
	// EnterAll enters every envelope that the path meets, as if the path had the step "~" there. What the envelope itself holds
	// cannot be reached then.
	EnterAll bool
}

// Result is where a path led.
type Result struct {
	Node      datamodel.Node
	Block     cid.Cid   // the last block that was loaded on the way; Node is in it, or in the data of the envelope that it is
	Path      string    // from the root of that block, or of the envelope's data, to Node
	Envelopes []cid.Cid // those that were entered, in order
}

// Resolve follows path, names and indices separated by slashes, from the block that root names. Empty steps count for nothing.
//
// A step is a key of a map or an index of a list. A link is followed where the path goes on, and at its end, as in Kubo's dag get: blocks are
// loaded with their hash checked, and nothing is loaded that is not on the path. On an envelope the step "~" leads into its
// decoded data; there is no other way in. Everywhere else "~" is an ordinary key, and the data of an envelope that has the shape
// of an envelope is ordinary data, so that one "~" never runs more than one module. Links in the data lead to blocks, which may be
// envelopes again, for the next "~".
//
// Below an envelope, private-use codes are decoded by the modules that its key codecs has for them, before any other. They are held to the
// same policy. A resolution has one budget.
//
// Errors are *[PathError], around a *[PolicyError], *[EnvelopeError], *[BudgetError], *[CodecError], the errors of [Modules] and the LinkSystem,
// or datamodel.ErrNotExists.
func (r *Resolver) Resolve(ctx context.Context, root cid.Cid, path string, o Options) (*Result, error) {
	budget := r.Budget.filled()
	ctx, cancel := context.WithTimeout(ctx, budget.Time)
	defer cancel()
	w := &walk{r: r, budget: budget, lsys: r.LinkSystem}
	defer w.release()
	steps := splitPath(path)
	at, err := w.follow(ctx, root, steps, o.EnterAll)
	if err != nil {
		return nil, &PathError{Root: root, Path: strings.Join(steps, "/"), Step: at, Err: err}
	}
	return &Result{Node: w.node, Block: w.block, Path: strings.Join(steps[w.since:], "/"), Envelopes: w.entered}, nil
}

func splitPath(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

// walk is one resolution: where it is, and what it has left.
type walk struct {
	r      *Resolver
	lsys   *linking.LinkSystem
	budget Budget
	scope  map[uint64]cid.Cid // modules for private-use codes, from the envelopes above
	loaded map[cid.Cid]*Codec
	undo   []func()

	node    datamodel.Node
	block   cid.Cid
	env     *Envelope // the node is this envelope
	why     error     // why the node is none
	since   int       // steps before the root of the current block
	entered []cid.Cid
}

// follow takes the steps, and returns the index of the one that failed.
func (w *walk) follow(ctx context.Context, root cid.Cid, steps []string, enterAll bool) (int, error) {
	if err := w.load(ctx, root, 0); err != nil {
		return 0, err
	}
	for i := 0; ; i++ {
		if err := w.settle(ctx, i, enterAll, i < len(steps) && steps[i] == Enter); err != nil {
			return i, err
		}
		if i == len(steps) {
			return i, nil
		}
		if err := w.step(ctx, i, steps[i]); err != nil {
			return i, err
		}
	}
}

// settle follows links until the node is none, and enters envelopes on the way if that is wanted. Each turn draws on the budget.
// An envelope that the next step enters anyway is left to it.
func (w *walk) settle(ctx context.Context, at int, enterAll, enterNext bool) error {
	for {
		switch {
		case w.node.Kind() == datamodel.Kind_Link:
			c, ok := asCID(w.node)
			if !ok {
				return errors.New("the link is not a CID")
			}
			if err := w.load(ctx, c, at); err != nil {
				return err
			}
		case w.env != nil && enterAll && !enterNext:
			if err := w.enter(ctx, at); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (w *walk) step(ctx context.Context, at int, step string) error {
	if step == Enter && w.env != nil {
		return w.enter(ctx, at+1)
	}
	next, err := lookup(w.node, step)
	if err != nil {
		if step == Enter && w.why != nil {
			return fmt.Errorf("%w (%w)", err, w.why)
		}
		return err
	}
	w.node, w.env, w.why = next, nil, nil
	return nil
}

// lookup is LookupBySegment, but basicnode's lists panic at a negative index.
func lookup(n datamodel.Node, step string) (datamodel.Node, error) {
	seg := datamodel.ParsePathSegment(step)
	if n.Kind() == datamodel.Kind_List {
		i, err := strconv.ParseUint(step, 10, 63)
		if err != nil {
			return nil, datamodel.ErrInvalidSegmentForList{TroubleSegment: seg, Reason: err}
		}
		return n.LookupByIndex(int64(i))
	}
	return n.LookupBySegment(seg)
}

func (w *walk) release() {
	for _, f := range w.undo {
		f()
	}
}
