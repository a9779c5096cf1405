package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/policy"
)

var (
	a, b, c = fetch.Identity([]byte("a")), fetch.Identity([]byte("b")), fetch.Identity([]byte("c"))
	v0      = cid.NewCidV0(a.Hash())
)

func TestParse(t *testing.T) {
	full := fmt.Sprintf(`{"version":1,"allow":[%q,%q],"deny":[%q],"grants":{"x":{"iprt:log/v1":{},"iprt:kv/v2":{"bytes":10}},"y":{}},"envelopes":"pure"}`, a, b, c)
	d, err := policy.Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Allow) != 2 || d.Allow[1] != b || len(d.Deny) != 1 || d.Envelopes != policy.EnvelopesPure {
		t.Errorf("%+v", d)
	}
	if args := d.Grants["x"]["iprt:log/v1"]; args != nil {
		t.Errorf("{} is arguments %s", args)
	}
	if args := d.Grants["x"]["iprt:kv/v2"]; string(args) != `{"bytes":10}` {
		t.Errorf("arguments are %s", args)
	}
	once, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Parse(once)
	if err != nil {
		t.Fatal(err)
	}
	if twice, _ := again.Encode(); string(twice) != string(once) {
		t.Errorf("encoding is not stable:\n%s\n%s", once, twice)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", ``, "empty"},
		{"blank", " \n", "empty"},
		{"cut off", `{"version":1,"allow":[`, "cut-off"},
		{"not JSON", `version: 1`, "byte"},
		{"a list", `[]`, "object"},
		{"null", `null`, `"version"`},
		{"no version", `{}`, `"version": found nothing, expected 1`},
		{"version 2", `{"version":2}`, "found 2, expected 1"},
		{"version as text", `{"version":"1"}`, `found "1", expected 1`},
		{"unknown key", `{"version":1,"alow":[]}`, `the key "alow"`},
		{"key in another case", `{"version":1,"Allow":[]}`, `the key "Allow"`},
		{"key twice", `{"version":1,"allow":[],"allow":[]}`, `the key "allow" twice`},
		{"binding twice", `{"version":1,"grants":{"x":{},"x":{}}}`, `"grants": found the key "x" twice`},
		{"interface twice", `{"version":1,"grants":{"x":{"iprt:log/v1":{},"iprt:log/v1":{}}}}`, "twice"},
		{"two documents", `{"version":1}{"version":1}`, "after the document"},
		{"junk behind", `{"version":1} x`, "after the document"},
		{"allow as text", `{"version":1,"allow":"bafy"}`, "a list of CIDs"},
		{"number in allow", `{"version":1,"allow":[1]}`, `"allow"`},
		{"not a CID", `{"version":1,"allow":["` + a.String() + `","codec"]}`, `"allow"[1]: found "codec"`},
		{"nesting", `{"version":1,"grants":` + strings.Repeat("[", 200_000), "depth of at most 64"},
		{"bad deny", `{"version":1,"deny":[""]}`, `"deny"[0]`},
		{"grants as list", `{"version":1,"grants":[]}`, `"grants"`},
		{"binding null", `{"version":1,"grants":{"x":null}}`, `"grants"."x": found null`},
		{"grant as list", `{"version":1,"grants":{"x":["iprt:log/v1"]}}`, "an object"},
		{"interface without version", `{"version":1,"grants":{"x":{"iprt:log":{}}}}`, `found "iprt:log"`},
		{"interface of nothing", `{"version":1,"grants":{"x":{"*":{}}}}`, `found "*"`},
		{"envelopes", `{"version":1,"envelopes":"allow"}`, `found "allow", expected "deny"`},
		{"deep", `{"version":1,"grants":{"x":{"iprt:log/v1":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}}}`, "depth"},
		{"huge", `{"version":1,"envelopes":"` + strings.Repeat("x", policy.MaxSize) + `"}`, "bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := policy.Parse([]byte(tc.in))
			var e *policy.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %+v, %v, want an *Error", d, err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%q does not say %q", err, tc.want)
			}
			if e.Code() == "" || e.Hint() == "" {
				t.Error("no code or no hint")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"allow":["` + a.String() + `"],"grants":{"x":{"iprt:log/v1":{"a":[1,null]}}},"envelopes":"ask"}`))
	f.Add([]byte(`{"version":1.0,"allow":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := policy.Parse(in)
		if err != nil {
			return
		}
		out, err := d.Encode()
		if err != nil {
			t.Fatalf("accepted %q, cannot encode it: %v", in, err)
		}
		if _, err := policy.Parse(out); err != nil {
			t.Fatalf("accepted %q, not its own encoding %q: %v", in, out, err)
		}
	})
}

func open(t *testing.T, content string) *policy.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.json")
	if content != "" {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := policy.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAllow(t *testing.T) {
	f := open(t, fmt.Sprintf(`{"version":1,"allow":[%q,%q],"deny":[%q]}`, a, b, c))
	for _, tc := range []struct {
		name        string
		id, locator cid.Cid
		ok, denied  bool
	}{
		{"by identity", a, a, true, false},
		{"by locator", v0, b, true, false},
		{"not listed", fetch.Identity([]byte("z")), fetch.Identity([]byte("y")), false, false},
		{"denied by identity", c, a, false, true},
		{"denied by locator", a, c, false, true},
	} {
		cand := host.Candidate{ID: tc.id, Locator: tc.locator}
		err := f.Allow(context.Background(), cand)
		if (err == nil) != tc.ok || f.Denied(cand) != tc.denied {
			t.Errorf("%s: got %v", tc.name, err)
		}
		var r *policy.Refusal
		if err != nil && (!errors.As(err, &r) || r.Denied != tc.denied || r.Hint() == "" || r.Error() == "") {
			t.Errorf("%s: got %#v", tc.name, err)
		}
	}
}

// TestV0 : the CIDv0 and the CIDv1 of one file are the same to a policy.
func TestV0(t *testing.T) {
	v1 := cid.NewCidV1(cid.DagProtobuf, v0.Hash())
	f := open(t, fmt.Sprintf(`{"version":1,"allow":[%q],"deny":[]}`, v0))
	if err := f.Allow(context.Background(), host.Candidate{ID: b, Locator: v1}); err != nil {
		t.Error(err)
	}
}

// TestDenyTakesIdentities: a module has any number of locators, so that a denial
// by one of them would deny nothing.
func TestDenyTakesIdentities(t *testing.T) {
	for _, c := range []cid.Cid{v0, cid.NewCidV1(cid.DagProtobuf, v0.Hash())} {
		if _, err := policy.Parse([]byte(fmt.Sprintf(`{"version":1,"deny":[%q]}`, c))); err == nil || !strings.Contains(err.Error(), "identity") {
			t.Errorf("%s: %v", c, err)
		}
		f := open(t, "")
		if err := f.Update(func(d *policy.Document) error { d.DenyModule(c); return nil }); err == nil {
			t.Errorf("%s: saved", c)
		}
	}
	f := open(t, fmt.Sprintf(`{"version":1,"allow":[%q],"deny":[%q]}`, v0, b))
	if err := f.Allow(t.Context(), host.Candidate{ID: b, Locator: v0}); err == nil {
		t.Error("denied by its identity, allowed by another CID")
	}
}

// place is a binding that the operator named.
func place(binding string) policy.Place {
	return policy.Place{Binding: binding, Module: a, Named: true}
}

func TestMissingFile(t *testing.T) {
	f := open(t, "")
	if err := f.Allow(context.Background(), host.Candidate{ID: a, Locator: a}); err == nil {
		t.Error("a missing file allows something")
	}
	if f.Envelopes() != policy.EnvelopesAllowList {
		t.Errorf("envelopes are %q", f.Envelopes())
	}
	if g, _, err := f.Grants(place("x")); err != nil || len(g) != 0 {
		t.Errorf("grants are %v, %v", g, err)
	}
	if _, err := os.Stat(f.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading made the file")
	}
}

func TestUpdate(t *testing.T) {
	f := open(t, "")
	err := f.Update(func(d *policy.Document) error {
		if err := errors.Join(d.AllowModule(a), d.AllowModule(a)); err != nil {
			return err
		}
		d.DenyModule(b)
		d.Grant("x", "iprt:log/v1")
		d.Grants["x"]["iprt:kv/v1"] = json.RawMessage(`{"bytes":1}`)
		d.Envelopes = policy.EnvelopesAllowList
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	d := again.Document()
	if len(d.Allow) != 1 || len(d.Deny) != 1 || again.Envelopes() != policy.EnvelopesAllowList {
		t.Errorf("%+v", d)
	}
	g, _, err := again.Grants(place("x"))
	if err != nil {
		t.Fatal(err)
	}
	if arg := g["iprt:log/v1"].Args; arg != nil {
		t.Errorf("log has arguments %v", arg)
	}
	n, err := g["iprt:kv/v1"].Args.LookupByString("bytes")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := n.AsInt(); v != 1 || len(g) != 2 {
		t.Errorf("grants are %v", g)
	}
	if runtime.GOOS != "windows" {
		if s, err := os.Stat(f.Path()); err != nil || s.Mode().Perm() != 0o600 {
			t.Errorf("mode is %v, %v", s.Mode(), err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(f.Path())); len(left) != 1 {
		t.Errorf("%d files in the folder, want 1", len(left))
	}
}

// TestUpdateFails: neither the file nor the policy changes.
func TestUpdateFails(t *testing.T) {
	f := open(t, fmt.Sprintf(`{"version":1,"allow":[%q]}`, a))
	before, _ := os.ReadFile(f.Path())
	sorry := errors.New("changed my mind")
	for name, change := range map[string]func(*policy.Document) error{
		"change fails": func(d *policy.Document) error {
			d.Grant("x", "iprt:log/v1")
			return errors.Join(d.AllowModule(b), sorry)
		},
		"bad envelopes": func(d *policy.Document) error { d.Envelopes = "all"; return d.AllowModule(b) },
		"bad interface": func(d *policy.Document) error { d.Grant("x", "everything"); return nil },
		"bad arguments": func(d *policy.Document) error {
			d.Grants = map[string]map[string]json.RawMessage{"x": {"iprt:log/v1": json.RawMessage("{")}}
			return nil
		},
	} {
		if err := f.Update(change); err == nil {
			t.Errorf("%s: saved", name)
		}
		if after, _ := os.ReadFile(f.Path()); string(after) != string(before) {
			t.Errorf("%s: the file changed to %s", name, after)
		}
		if d := f.Document(); len(d.Allow) != 1 || len(d.Grants) != 0 {
			t.Errorf("%s: the policy changed to %+v", name, d)
		}
	}
	gone := filepath.Join(t.TempDir(), "gone", "policy.json")
	g, err := policy.Open(gone)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Update(func(d *policy.Document) error { return d.AllowModule(a) }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("saving into a missing folder gave %v", err)
	}
	if len(g.Document().Allow) != 0 {
		t.Error("what was not saved is in force")
	}
}

func TestReload(t *testing.T) {
	f := open(t, "")
	if err := os.WriteFile(f.Path(), fmt.Appendf(nil, `{"version":1,"allow":[%q]}`, a), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Reload(); err != nil || len(f.Document().Allow) != 1 {
		t.Errorf("%v, %+v", err, f.Document())
	}
	if err := os.WriteFile(f.Path(), []byte(`{"version":1,"allow":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *policy.Error
	if err := f.Reload(); !errors.As(err, &e) || e.Path != f.Path() || !strings.Contains(err.Error(), f.Path()) {
		t.Errorf("got %v", err)
	}
	if len(f.Document().Allow) != 1 {
		t.Error("a broken file changed the policy")
	}
	if f, err := policy.Open(f.Path()); err == nil || f != nil {
		t.Errorf("a broken file opens: %v, %v", f, err)
	}
	if _, err := policy.Open(t.TempDir()); err == nil {
		t.Error("a folder opens")
	}
}

// TestGrantArguments: JSON that is no DAG-JSON is an error, not a grant.
func TestGrantArguments(t *testing.T) {
	f := open(t, `{"version":1,"grants":{"x":{"iprt:kv/v1":{"/":"not a CID"}}}}`)
	var e *policy.Error
	if g, _, err := f.Grants(place("x")); !errors.As(err, &e) || !strings.Contains(err.Error(), "iprt:kv/v1") {
		t.Errorf("got %v, %v", g, err)
	}
}

func TestConcurrent(t *testing.T) {
	f := open(t, "")
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 2 { // each waits for the disk
				err := f.Update(func(d *policy.Document) error {
					d.AllowModule(fetch.Identity([]byte{byte(n)}))
					d.Grant(fmt.Sprint(n), "iprt:log/v1")
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				_ = f.Allow(context.Background(), host.Candidate{ID: a, Locator: b})
				if _, _, err := f.Grants(place("1")); err != nil {
					t.Error(err)
				}
				f.Document().Grant("1", "iprt:evil/v1") // a copy
			}
		})
	}
	wg.Wait()
	if d := f.Document(); len(d.Allow) != 8 || len(d.Grants) != 8 || len(d.Grants["1"]) != 1 {
		t.Errorf("%+v", d)
	}
}

// TestEditsHold: what somebody writes into the file while it is open holds from
// the next decision on, and an update keeps it.
func TestEditsHold(t *testing.T) {
	f := open(t, "")
	allowA := func(d *policy.Document) error { return d.AllowModule(a) }
	if err := f.Update(allowA); err != nil {
		t.Fatal(err)
	}
	ask := func() error { return f.Allow(t.Context(), host.Candidate{ID: a, Locator: a}) }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(f.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(`{"version":1,"deny":[%q]}`, a))
	if err := ask(); err == nil {
		t.Error("allowed although the file denies it")
	}
	if err := f.Update(func(d *policy.Document) error { return d.AllowModule(b) }); err != nil {
		t.Fatal(err)
	}
	if d := f.Document(); len(d.Deny) != 1 || d.Deny[0] != a || len(d.Allow) != 1 {
		t.Errorf("the update lost what was written: %+v", d)
	}
	write("nonsense")
	if err := f.Allow(t.Context(), host.Candidate{ID: b, Locator: b}); err == nil {
		t.Error("a file that cannot be read allows something")
	}
}
