package policy_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/iprt/iprt/host/policy"
)

// To allow something is not to forget that it was denied.
func TestAllowDenied(t *testing.T) {
	f := open(t, fmt.Sprintf(`{"version":1,"deny":[%q]}`, a))
	err := f.Update(func(d *policy.Document) error { return d.AllowModule(a) })
	var denied *policy.DeniedError
	if !errors.As(err, &denied) || denied.Hint() == "" {
		t.Fatal(err)
	}
	if d := f.Document(); len(d.Deny) != 1 || len(d.Allow) != 0 {
		t.Fatalf("%+v", d)
	}
	err = f.Update(func(d *policy.Document) error {
		if !d.UndenyModule(a) || d.UndenyModule(a) || d.UndenyModule(b) {
			t.Error("it is on the list once")
		}
		return d.AllowModule(a)
	})
	if d := f.Document(); err != nil || len(d.Deny) != 0 || len(d.Allow) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
}

// The grants of a binding go to its holder, or else to what the operator put there
// by name; a module that calls itself so gets nothing.
func TestWhoGetsGrants(t *testing.T) {
	f := open(t, fmt.Sprintf(`{"version":1,"grants":{"x":{"iprt:log/v1":{}},"held":{"iprt:log/v1":{}}},"holders":{"held":%q}}`, a))
	for _, tc := range []struct {
		place     policy.Place
		get, held bool
	}{
		{policy.Place{Binding: "x", Module: a, Named: true}, true, false},
		{policy.Place{Binding: "x", Module: b, Named: true}, true, false},
		{policy.Place{Binding: "x", Module: a}, false, true},
		{policy.Place{Binding: "held", Module: a}, true, false},
		{policy.Place{Binding: "held", Module: a, Named: true}, true, false},
		{policy.Place{Binding: "held", Module: b, Named: true}, false, true},
		{policy.Place{Binding: "held", Module: b}, false, true},
		{policy.Place{Binding: "none", Module: a}, false, false},
		{policy.Place{Binding: "none", Module: a, Named: true}, false, false},
		{policy.Place{Module: a}, false, false},
	} {
		g, withheld, err := f.Grants(tc.place)
		if err != nil || len(g) > 0 != tc.get || withheld != tc.held {
			t.Errorf("%+v: %v, withheld %v, %v", tc.place, g, withheld, err)
		}
	}
}

// Who holds a binding is kept, and must be an identity.
func TestHolders(t *testing.T) {
	f := open(t, "")
	hold := func(d *policy.Document) error {
		d.Grant("x", "iprt:log/v1")
		d.Hold("x", a)
		return nil
	}
	if err := f.Update(hold); err != nil {
		t.Fatal(err)
	}
	again, err := policy.Open(f.Path())
	if err != nil || !again.Document().Holders["x"].Equals(a) {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := f.Update(func(d *policy.Document) error { d.Hold("x", v0); return nil }); err == nil {
		t.Error("a CID that is no identity was saved")
	}
	for _, bad := range []string{`{"x":"no"}`, `{"x":""}`, `["x"]`, fmt.Sprintf(`{"x":%q}`, v0), `{"x":null}`} {
		if _, err := policy.Parse([]byte(`{"version":1,"holders":` + bad + `}`)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

// A file of gigabytes is not read.
func TestHugeFile(t *testing.T) {
	f := open(t, `{"version":1}`)
	if err := os.Truncate(f.Path(), 8<<30); err != nil {
		t.Skip("no sparse file of 8 GiB here: ", err)
	}
	if _, err := policy.Open(f.Path()); err == nil {
		t.Error("read")
	}
	if err := f.Refresh(); err == nil {
		t.Error("not noticed")
	}
}
