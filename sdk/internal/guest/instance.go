package guest

import "github.com/iprt/iprt/abi"

// Instance is the one runtime of a Wasm module. Native tests make their own.
var Instance Runtime

// served is what the module registered; it is written during init only.
var served struct {
	role  string
	calls []Handler
	init  func() error
}

// Serve notes that the module fills a role, and the handlers of its calls in
// the order of the role's exports. It panics when the module already fills one,
// which is a mistake of its author and shows at once.
func Serve(role string, calls ...Handler) {
	if served.role != "" {
		panic("sdk: the module registered " + served.role + " and now " + role)
	}
	served.role, served.calls = role, calls
}

// OnInit sets the module's initialiser, once.
func OnInit(f func() error) {
	if served.init != nil {
		panic("sdk: OnInit called twice")
	}
	served.init = f
}

// RunInit is what iprt_init does.
func RunInit() error {
	if served.role == "" {
		return &abi.Error{Status: abi.StatusInternal, Text: "the module registered no role; call codec.Register from init"}
	}
	if served.init == nil {
		return nil
	}
	return served.init()
}
