package control

import (
	"context"
	"reflect"
	"testing"
)

func (f *fake) Deny(_ context.Context, r DenyRequest) (Denied, error) {
	return Denied{Unloaded: r.Modules}, nil
}

func TestDenyCrossesTheSocket(t *testing.T) {
	dir := t.TempDir()
	serveOn(t, dir, Handler(&fake{}, nil))
	d, err := dial(t, dir).Deny(t.Context(), DenyRequest{Modules: []string{"a", "b"}, Remove: true})
	if err != nil || !reflect.DeepEqual(d.Unloaded, []string{"a", "b"}) {
		t.Fatalf("%+v, %v", d, err)
	}
}
