package policy

import (
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
)

// AllowModule puts a CID on the allow list. One that is on the deny list is not
// taken off it: that is a decision of its own. Its error is then a [*DeniedError].
func (d *Document) AllowModule(c cid.Cid) error {
	if slices.ContainsFunc(d.Deny, host.Candidate{ID: c}.Is) {
		return &DeniedError{ID: c}
	}
	d.Allow = append(without(d.Allow, c), c)
	return nil
}

// DenyModule puts an identity on the deny list and takes it off the allow list.
// A CID that cannot be an identity is refused when the document is saved.
func (d *Document) DenyModule(c cid.Cid) {
	d.Allow = without(d.Allow, c)
	d.Deny = append(without(d.Deny, c), c)
}

// UndenyModule takes an identity off the deny list, and reports whether it was on
// it. That allows nothing by itself.
func (d *Document) UndenyModule(c cid.Cid) bool {
	before := len(d.Deny)
	d.Deny = without(d.Deny, c)
	return len(d.Deny) < before
}

// DeniedError is a module that cannot be allowed as it is denied.
type DeniedError struct{ ID cid.Cid }

func (e *DeniedError) Error() string { return fmt.Sprintf("%s is on the deny list", e.ID) }

// Code is "denied".
func (e *DeniedError) Code() string { return "denied" }

// Hint says what to do about it.
func (e *DeniedError) Hint() string {
	return fmt.Sprintf("an operator denied it on purpose; if that is over, run: iprt deny --remove %s", e.ID)
}

// Refusal is why a policy file does not allow a module.
type Refusal struct {
	Path   string
	Denied bool // on the deny list, rather than on no list
	ID     cid.Cid
}

func (r *Refusal) Error() string {
	if r.Denied {
		return "it is on the deny list of " + r.Path
	}
	return "it is not on the allow list of " + r.Path
}

// Hint says what to do about it.
func (r *Refusal) Hint() string {
	if r.Denied {
		return fmt.Sprintf("an operator denied it on purpose; if that is over, run: iprt deny --remove %s", r.ID)
	}
	return fmt.Sprintf("look at it with \"iprt inspect %s\", then allow it with \"iprt grant %s\"", r.ID, r.ID)
}

func listed(list []cid.Cid, c host.Candidate) bool {
	return slices.ContainsFunc(list, c.Is)
}

func without(list []cid.Cid, c cid.Cid) []cid.Cid {
	return slices.DeleteFunc(slices.Clone(list), host.Candidate{ID: c}.Is)
}
