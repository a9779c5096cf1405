package table

import "encoding/binary"

// word is the first and the last eight bytes of a string, the first byte highest, so that most strings are checked and ordered by looking at
// two numbers. In strings of fewer than 16 bytes the two overlap.
type word struct{ hi, lo uint64 }

// wholeWord is the longest string of which a word has every byte.
const wholeWord = 16

// longWord is for 8 bytes and more.
func longWord(b []byte) word {
	return word{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[len(b)-8:])}
}

// shortWord is for fewer than 8 bytes.
func shortWord(b []byte) word {
	switch n := len(b); {
	case n >= 4:
		return word{uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[n-4:]))}
	case n > 0:
		return word{hi: uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])}
	}
	return word{}
}

// ascii reports that b, whose word w is, is ASCII. It does not look at long ones.
func (w word) ascii(b []byte) bool { return len(b) <= wholeWord && (w.hi|w.lo)&nonASCII == 0 }

// above orders the words of strings of the same length.
func (w word) above(v word) bool { return w.hi > v.hi || w.hi == v.hi && w.lo > v.lo }
