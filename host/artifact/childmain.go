package artifact

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// Compiler is what an engine does in the child. An engine.Precompiler is one.
type Compiler interface {
	// Precompile turns a metered module into an artifact.
	Precompile(ctx context.Context, wasm []byte) ([]byte, error)
}

// ChildMain is the whole life of a compile child, and returns its exit status. It
// bounds the process it is called in, for good; open is called after that. in and out
// are standard input and output: nothing else may read or write there.
func ChildMain(in io.Reader, out io.Writer, open func() (Compiler, error)) int {
	q, err := readRequest(in)
	if err == nil {
		err = confine(q)
	}
	if err != nil {
		return complain(err)
	}
	// One thread that works: the host has better uses for the others.
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(q.memory / 4 * 3)
	module, err := io.ReadAll(io.LimitReader(in, q.module))
	if err == nil && int64(len(module)) != q.module {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return complain(err)
	}
	c, err := open()
	if err != nil {
		return complain(err)
	}
	blob, err := c.Precompile(context.Background(), module)
	switch {
	case err != nil:
		text := err.Error()
		err = writeAnswer(out, answerRefusal, []byte(text[:min(len(text), maxRefusal)]))
	case int64(len(blob)) > q.output:
		err = writeAnswer(out, answerTooLarge, nil)
	default:
		err = writeAnswer(out, answerArtifact, blob)
	}
	if err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, "compile process:", err)
	return 1
}
