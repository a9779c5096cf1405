package artifact

import (
	"bytes"
	"testing"
)

// FuzzEntry: what lies in the cache is used only if it was sealed for the key.
func FuzzEntry(f *testing.F) {
	s := &Store{secret: make([]byte, secretSize)}
	k := Key{Engine: "e"}
	good := s.seal(k, []byte("artifact"))
	f.Add(good)
	f.Add(good[:headerSize])
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		blob, err := s.open(k, b)
		if err == nil && !bytes.Equal(b, s.seal(k, blob)) {
			t.Fatalf("%x was accepted", b)
		}
	})
}

// FuzzAnswer: whatever a child prints is an artifact within the limit, or an error.
func FuzzAnswer(f *testing.F) {
	for _, status := range []uint64{answerArtifact, answerRefusal, answerTooLarge, 3} {
		var b bytes.Buffer
		if err := writeAnswer(&b, status, []byte("text \x1b")); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 10
		blob, err := readAnswer(bytes.NewReader(b), limit)
		switch {
		case err == nil && len(blob) > limit:
			t.Fatalf("%d bytes", len(blob))
		case err == nil && !bytes.HasSuffix(b, blob):
			t.Fatal("other bytes than were printed")
		case err != nil && (blob != nil || err.Error() == ""):
			t.Fatalf("%d bytes and %v", len(blob), err)
		}
	})
}

// FuzzRequest: whatever is on standard input is a request within bounds, or an error.
func FuzzRequest(f *testing.F) {
	f.Add(Child{}.withDefaults().request(7))
	f.Add([]byte(requestMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := readRequest(bytes.NewReader(b))
		if err == nil && (q.module < 0 || q.module > maxModule || q.memory < 0 || q.output < 0 || q.cpu < 0) {
			t.Fatalf("%+v", q)
		}
	})
}
