package hostcall

import (
	"context"
	"log/slog"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine/guesttext"
)

// budget is what an instance may still log.
type budget struct {
	lines, bytes int
	told         bool // the log says that entries are missing
}

// levels maps the levels of the ABI to those of slog.
var levels = [...]slog.Level{
	abi.LogDebug: slog.LevelDebug,
	abi.LogInfo:  slog.LevelInfo,
	abi.LogWarn:  slog.LevelWarn,
	abi.LogError: slog.LevelError,
}

// logWrite answers iprt:log/v1 write(level, ptr, len) → status.
//
//	OK       logged, or the log does not want that level
//	INVALID  the level is not in the table, or the text is out of bounds
//	LIMIT    dropped: the instance has used up its log budget
func logWrite(c call) (int32, error) {
	level := c.u32(0)
	text, ok := c.view(1)
	switch {
	case level >= uint32(len(levels)) || !ok:
		return refuse(abi.StatusInvalid)
	case !c.state.write(c.ctx, levels[level], "", text):
		return refuse(abi.StatusLimit)
	}
	return refuse(abi.StatusOK)
}

// output is where the lines go that the guest writes to its standard output and error.
func (s *State) output(fd uint32, line []byte) bool {
	level, stream := slog.LevelInfo, "stdout"
	if fd == 2 {
		level, stream = slog.LevelWarn, "stderr"
	}
	if s.log == nil || !s.log.Enabled(context.Background(), level) {
		return false // a guest that writes gigabytes for nobody costs no time either
	}
	return s.write(context.Background(), level, stream, line)
}

// write logs one entry. It is false if the budget does not have room for it. An entry of
// a level that the log does not want costs nothing, neither a copy nor budget.
func (s *State) write(ctx context.Context, level slog.Level, stream string, text []byte) bool {
	if s.log == nil || !s.log.Enabled(ctx, level) {
		return true
	}
	if s.budget.lines < 1 {
		return s.drop(ctx)
	}
	message := guesttext.Line(text, s.limits.LogLine)
	if s.budget.bytes < len(message) {
		return s.drop(ctx)
	}
	s.budget.lines--
	s.budget.bytes -= len(message)
	if ok, missed := s.rate.admit(len(message)); !ok {
		return true // what others logged is none of this guest's business
	} else if missed > 0 {
		s.log.LogAttrs(ctx, slog.LevelWarn, "module logs too fast; entries were dropped", slog.Int("entries", missed))
	}
	if stream == "" {
		s.log.LogAttrs(ctx, level, message)
	} else {
		s.log.LogAttrs(ctx, level, message, slog.String("stream", stream))
	}
	return true
}

// drop says once that the log is not complete from here on, and is false.
func (s *State) drop(ctx context.Context) bool {
	if !s.budget.told {
		s.budget.told = true
		s.log.LogAttrs(ctx, slog.LevelWarn, "module logs too much; further entries are dropped",
			slog.Int("lines", s.limits.LogLines), slog.Int("bytes", s.limits.LogBytes))
	}
	return false
}
