package ipldbind_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/ipldbind"
)

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	env := w.envelope(w.f, node("a", "inside"))
	granted := newFake("granted", 'x')
	w.shelf.fakes[granted.id], w.shelf.granted[granted.id] = granted, true
	grantedEnv := w.envelope(granted, node("a", "inside"))
	file := sum(cid.DagProtobuf, []byte("f as a file"))
	w.shelf.fakes[file] = w.f
	fileEnv := w.putCBOR(node("iprt", 1, "codec", file, "data", w.f.block(node("a", "inside"))))
	answer := func(ok bool, err error) ipldbind.Policy {
		return ipldbind.Ask(func(_ context.Context, c ipldbind.Candidate) (bool, error) {
			if c.Envelope != env || c.Module != w.f.id {
				t.Errorf("asked about %s in %s", c.Module, c.Envelope)
			}
			return ok, err
		})
	}
	for name, tt := range map[string]struct {
		policy ipldbind.Policy
		env    cid.Cid
		ok     bool
		looked bool // the module was fetched to be looked at
	}{
		"none":                      {nil, env, false, false},
		"deny":                      {ipldbind.Deny(), env, false, false},
		"ask nobody":                {ipldbind.Ask(nil), env, false, false},
		"yes":                       {answer(true, nil), env, true, false},
		"no":                        {answer(false, nil), env, false, false},
		"ask fails":                 {answer(true, context.Canceled), env, false, false},
		"listed":                    {ipldbind.AllowList(w.g.id, w.f.id), env, true, false},
		"not listed":                {ipldbind.AllowList(w.g.id), env, false, false},
		"empty list":                {ipldbind.AllowList(), fileEnv, false, false},
		"listed as a file":          {ipldbind.AllowList(file), fileEnv, true, false},
		"file listed by identity":   {ipldbind.AllowList(w.f.id), fileEnv, true, true},
		"file not listed":           {ipldbind.AllowList(w.g.id), fileEnv, false, true},
		"pure":                      {ipldbind.AllowPure(), env, true, true},
		"not pure":                  {ipldbind.AllowPure(), grantedEnv, false, true},
		"any of none":               {ipldbind.AnyOf(), env, false, false},
		"any of two":                {ipldbind.AnyOf(ipldbind.Deny(), ipldbind.AllowList(w.f.id)), env, true, false},
		"any of two that both deny": {ipldbind.AnyOf(ipldbind.Deny(), ipldbind.AllowPure()), grantedEnv, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.shelf.inspects, w.shelf.loads = nil, nil
			calls := len(w.f.calls) + len(granted.calls)
			w.Policy = tt.policy
			_, err := w.Resolve(t.Context(), tt.env, "~/a", ipldbind.Options{})
			var pe *ipldbind.PolicyError
			switch {
			case tt.ok && err != nil, !tt.ok && !errors.As(err, &pe):
				t.Fatalf("got %v", err)
			case !tt.ok && (pe.Envelope != tt.env || !strings.Contains(pe.Hint(), "--allow "+pe.Module.String())):
				t.Errorf("refused %s in %s, hint %q", pe.Module, pe.Envelope, pe.Hint())
			case !tt.ok && (len(w.shelf.loads) > 0 || len(w.f.calls)+len(granted.calls) > calls):
				t.Error("a refused module was loaded or run")
			}
			if (len(w.shelf.inspects) > 0) != tt.looked || len(w.shelf.inspects) > 1 {
				t.Errorf("looked at %v", w.shelf.inspects)
			}
		})
	}
}

// TestPolicyCannotLook has a module that cannot be fetched: that is not a refusal.
func TestPolicyCannotLook(t *testing.T) {
	w := newWorld(t)
	missing := w.putCBOR(node("iprt", 1, "codec", sum(cid.Raw, []byte("missing")), "data", []byte{}))
	_, err := w.Resolve(t.Context(), missing, "~", ipldbind.Options{})
	var pe *ipldbind.PolicyError
	if errors.As(err, &pe) || !errors.Is(err, errNoModule) {
		t.Errorf("got %v", err)
	}
}
