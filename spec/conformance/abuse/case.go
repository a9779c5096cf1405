package abuse

import (
	"slices"
	"strings"
	"time"
)

// Class is a group of cases.
type Class string

// The classes, in the order in which tables list them.
const (
	Static      Class = "static"      // bytes that are not a module, or that cost more than they weigh
	Shape       Class = "shape"       // modules that are none of ours
	Execution   Class = "execution"   // code that does not end, or ends badly
	Values      Class = "values"      // addresses, lengths, statuses and tables that lie
	Lifecycle   Class = "lifecycle"   // use at the wrong time, and failures to start
	Floods      Class = "floods"      // too much of what is allowed
	Content     Class = "content"     // blocks, files, archives and envelopes
	Determinism Class = "determinism" // the same call, another answer
	Faults      Class = "faults"      // disks, networks and limits of the machine
)

// Classes lists the classes in order.
func Classes() []Class {
	return []Class{Static, Shape, Execution, Values, Lifecycle, Floods, Content, Determinism, Faults}
}

// Outcome is what came of a step. Its first word is one of
//
//	OK      it was done
//	REJECT  the module was refused before any of it ran
//	DENY    a grant or an allowance is missing
//	TRAP    the guest ended out of order, or broke the ABI; its instance is gone
//	LIMIT   a bound of the host was hit
//	ERROR   any other failure that has a code
//
// and a detail may follow in parentheses: "LIMIT(time)", "ERROR(hash-mismatch)", "TRAP(unreachable)". Details of
// traps are the engine's trap kinds; those of errors are statuses of the ABI or stable codes.
type Outcome string

// The outcomes without detail. As an expectation, each stands for all its details.
const (
	OK     Outcome = "OK"
	Reject Outcome = "REJECT"
	Deny   Outcome = "DENY"
	Trap   Outcome = "TRAP"
	Limit  Outcome = "LIMIT"
	Error  Outcome = "ERROR"
)

// Untyped is the outcome of an error that has no code. No case expects it.
const Untyped Outcome = "UNTYPED"

// Of is the outcome with a detail.
func (o Outcome) Of(detail string) Outcome { return o + "(" + Outcome(detail) + ")" }

// Kind is the outcome without its detail.
func (o Outcome) Kind() Outcome {
	kind, _, _ := strings.Cut(string(o), "(")
	return Outcome(kind)
}

// among reports whether one of the expectations covers o.
func (o Outcome) among(want []Outcome) bool {
	return slices.Contains(want, o) || slices.Contains(want, o.Kind())
}

// Anything is the expectation of cases that are about survival: every outcome with a type will do.
func Anything() []Outcome { return []Outcome{OK, Reject, Deny, Trap, Limit, Error} }

// Case is one attack.
type Case struct {
	Class Class
	Name  string // unique within the class; "/" separates a group from its instances
	Tries string // what it tries, in a sentence for people

	// Steps emits what is done, one after the other. It is called once for each run, and may take much memory.
	Steps func() []Step
	// Offer is what the hostile gateway serves; nil for none.
	Offer func() *Offer

	// Disk gives the host a directory of its own. Without it, hosts keep what they fetch in memory, if at all.
	Disk bool

	// Elsewhere names the tests, as "path/to/package.TestName", that try it from inside a host. Such a case has no Steps.
	Elsewhere []string
}

// ID is the class and the name.
func (c Case) ID() string { return string(c.Class) + "/" + c.Name }

// Group is the part of the name that instances of one attack share.
func (c Case) Group() string {
	group, _, _ := strings.Cut(c.Name, "/")
	return group
}

// Step is something done to a host, and what may come of it.
type Step struct {
	// Do is a [Load], [Unload], [Call], [Decode], [Fetch], [Resolve], [Together], [Damage], [Starve] or [Reopen].
	Do any
	// Want has every outcome that is accepted.
	Want []Outcome
	// Within is the deadline that the host is given; 0 stands for [Usual].
	Within time.Duration
	// Times is how often it is done, one after the other; 0 stands for 1. All must come out as wanted.
	Times int
	// Check looks at what an OK came with; nil accepts it.
	Check func(Result) error
}

// Usual is the deadline of steps that name none: enough to compile the largest module that is accepted.
const Usual = 10 * time.Second

// Together does steps at the same time, and waits for all.
type Together struct{ Steps []Step }

// Damage changes every file in the host's directory, as a bad disk would.
type Damage struct{ How func([]byte) []byte }

// Starve takes all but a few file descriptors away for as long as its steps take.
type Starve struct {
	Leave int // descriptors that may still be opened
	Steps []Step
}

// Reopen closes the host and opens it again on the same directory.
type Reopen struct{}

func (s Step) within() time.Duration {
	if s.Within > 0 {
		return s.Within
	}
	return Usual
}
