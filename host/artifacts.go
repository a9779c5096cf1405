package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/artifact"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/validate"
)

// Artifacts keeps compiled code, and compiles where it can do no harm.
// *artifact.Store is one. Methods are called from several goroutines at once.
type Artifacts interface {
	// Get returns what was put under a key. It vouches for the bytes: they
	// are run as machine code.
	Get(ctx context.Context, k ArtifactKey) ([]byte, bool)
	// Put keeps an artifact. An error is logged and changes nothing else.
	Put(ctx context.Context, k ArtifactKey, blob []byte) error
	// Compile makes an artifact in a process that is ended if it takes too
	// much time or memory.
	Compile(ctx context.Context, metered []byte) ([]byte, error)
}

// ArtifactKey names compiled code: equal keys, equal code.
type ArtifactKey = artifact.Key

var _ Artifacts = (*artifact.Store)(nil)

// compilation is how code came about.
type compilation struct {
	kept           bool
	took, estimate time.Duration
}

// compile makes code of a metered module, by the cheapest safe way: from what
// was kept, in process if that cannot cost much, or else in another process.
func (h *Host) compile(ctx context.Context, id cid.Cid, metered []byte, imports []engine.Import, l Limits, how *compilation) (engine.Code, error) {
	begin := time.Now()
	defer func() { how.took = time.Since(begin) }()
	pre, ok := h.engine.(engine.Precompiler)
	if !ok || h.cfg.Artifacts == nil {
		if err := h.affordable(id, metered, l, how); err != nil {
			return nil, err
		}
		if err := h.compileTurn(ctx, id); err != nil {
			return nil, err
		}
		defer h.compiling.give()
		return h.engine.Compile(ctx, metered, imports)
	}
	key := ArtifactKey{Module: id, Meter: l.class().Canonical(), Engine: pre.Name()}
	if blob, ok := h.cfg.Artifacts.Get(ctx, key); ok {
		code, err := pre.CompileFrom(ctx, metered, blob, imports)
		var damaged *engine.ArtifactError
		if !errors.As(err, &damaged) {
			how.kept = err == nil
			return code, err
		}
		h.cfg.Log.Warn("kept code is of no use, compiling again", "cid", id.String(), "error", err)
	}
	if err := h.compileTurn(ctx, id); err != nil {
		return nil, err
	}
	defer h.compiling.give()
	blob, err := h.precompile(ctx, pre, id, metered, l, how)
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Artifacts.Put(ctx, key, blob); err != nil {
		h.cfg.Log.Warn("compiled code could not be kept", "cid", id.String(), "error", err)
	}
	return pre.CompileFrom(ctx, metered, blob, imports)
}

// compileTurn waits until not too many compilations run. One that runs ends,
// within the budget of Limits or of the process that does it, and so does the
// wait.
func (h *Host) compileTurn(ctx context.Context, id cid.Cid) error {
	switch err := h.compiling.take(patience{ctx: ctx, left: compilePatience}); err {
	case errQueueFull, errTooLate:
		return &LimitError{Module: id, Limit: LimitRunQueue, Max: uint64(h.cfg.RunQueue), excused: true}
	default:
		return err
	}
}

const compilePatience = 5 * time.Minute

func (h *Host) precompile(ctx context.Context, pre engine.Precompiler, id cid.Cid, metered []byte, l Limits, how *compilation) ([]byte, error) {
	if h.affordable(id, metered, l, how) == nil {
		return pre.Precompile(ctx, metered)
	}
	blob, err := h.cfg.Artifacts.Compile(ctx, metered)
	if err != nil && ctx.Err() == nil {
		return nil, refused(id, RefusedCompile, err)
	}
	return blob, err
}

// affordable refuses what could keep the compiler busy for too long.
func (h *Host) affordable(id cid.Cid, metered []byte, l Limits, how *compilation) error {
	est, err := validate.EstimateCompile(metered)
	if err != nil {
		return err
	}
	how.estimate = est.Total
	if l.affords(est) {
		return nil
	}
	return &RefusedError{
		Module: id, Kind: RefusedCompile,
		Reason: fmt.Sprintf("compiling it could take %v, its function %d alone %v; allowed are %v and %v",
			est.Total.Round(time.Millisecond), est.WorstFunction, est.Worst.Round(time.Millisecond), l.MaxCompileTime, l.MaxFunctionCompileTime),
		Advice: "whoever runs the host can have it compiled in a process of its own (Config.Artifacts), or raise Limits.MaxCompileTime and MaxFunctionCompileTime if the module is trusted",
	}
}

// affords compares an estimate with the budget. Memory that a compiler takes has one bound for all: what is dearer is for a process
// that can be ended.
func (l Limits) affords(est validate.Estimate) bool {
	return est.Total <= l.MaxCompileTime && est.Worst <= l.MaxFunctionCompileTime && est.Memory <= validate.Pinned().CompileMemory
}
