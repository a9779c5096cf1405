package wasi

import "bytes"

// MaxLine is the length in bytes above which a line of output is handed on in pieces.
const MaxLine = 4096

// Flush hands on what the guest wrote since its last line feed. It is to be called when a
// call into the guest has ended: the ABI makes that the end of a line.
func (s *State) Flush() {
	for fd := uint32(stdout); fd < stdio; fd++ {
		if len(s.partial[fd]) > 0 {
			s.emit(fd)
		}
	}
}

// write splits output into lines. It is false if the rest of the guest's write need not
// be looked at: whoever takes the lines does not want more, so a guest that writes
// gigabytes costs no time.
func (s *State) write(fd uint32, p []byte) bool {
	if s.Output == nil {
		return false
	}
	for len(p) > 0 {
		room := MaxLine - len(s.partial[fd])
		end := bytes.IndexByte(p[:min(len(p), room+1)], '\n')
		switch {
		case end >= 0:
			s.partial[fd] = append(s.partial[fd], p[:end]...)
			p = p[end+1:]
		case len(p) <= room: // perhaps full, but the line feed may come with the next write
			s.partial[fd] = append(s.partial[fd], p...)
			return true
		default:
			s.partial[fd] = append(s.partial[fd], p[:room]...)
			p = p[room:]
		}
		if !s.emit(fd) {
			return false
		}
	}
	return true
}

func (s *State) emit(fd uint32) bool {
	line := s.partial[fd]
	s.partial[fd] = line[:0]
	return s.Output != nil && s.Output(fd, line)
}
