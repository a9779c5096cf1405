// Package abuse is a corpus of attacks on a host of iprt modules, and of what must come of each: hostile modules, hostile calls,
// hostile content, and hosts in trouble.
//
// Start with [Cases], which emits the corpus, [Target], which a host implements to be held to it, and [Run], which runs cases in
// child processes. A child is any program that calls [Serve]; package iprthost has the target for the host of this repository.
//
// # What holds for every case
//
// The outcome is one of those that the case names ([Outcome]). Beyond that, whatever the case tries:
//
//   - the process lives: no panic, no signal, and no more memory than [Config] states;
//   - no step ends later than its deadline and a little slack;
//   - errors are typed, and neither their text nor the log carries control characters;
//   - the log grows by no more than [MaxLog] bytes per step;
//   - an honest module in the same host works as before, and what it answers is right;
//   - when the host is closed, no goroutine and no file descriptor is left.
//
// # Classes, not examples
//
// Classes follow the list of abuse cases in the design: static, shape, execution, values, lifecycle, floods, content, determinism and
// faults. Each is generated over sizes, positions and opcodes: a host that recognises one instance is no safer than before.
// What only a program inside a host can try is listed too, with the name of the test that tries it ([Case.Elsewhere]).
package abuse
