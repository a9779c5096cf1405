// Deterministic prints everything in which two runs of a Go program usually differ. It
// is built for wasip1 by the tests, as a command and as a reactor.
package main

import (
	crand "crypto/rand"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"time"
)

func main() { report() }

// report is what a reactor is asked for; its result is the number of lines that are wrong
// by themselves.
//
//go:wasmexport report
func report() int32 {
	bad := int32(0)
	check := func(what string, ok bool) {
		if !ok {
			bad++
			fmt.Println("WRONG:", what)
		}
	}

	start := time.Now()
	fmt.Println("now", start.UTC().Format(time.RFC3339Nano))
	time.Sleep(36 * time.Hour)
	slept := time.Since(start)
	check("a sleep takes its time", slept >= 36*time.Hour && slept < 37*time.Hour)
	fmt.Println("slept", slept, "until", time.Now().UTC().Format(time.RFC3339Nano))

	results := make(chan string)
	for i, d := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
		go func() {
			time.Sleep(d)
			results <- fmt.Sprintf("sleeper %d after %v", i, d)
		}()
	}
	for range 3 {
		fmt.Println(<-results)
	}
	select {
	case <-time.After(time.Minute):
		fmt.Println("timeout")
	case <-results:
		check("nobody sends", false)
	}

	secret := make([]byte, 40)
	_, err := crand.Read(secret)
	check("crypto/rand", err == nil)
	fmt.Printf("secret %x\n", secret)
	fmt.Println("dice", rand.IntN(1e9), rand.IntN(1e9), rand.Float64())

	m := map[int]string{}
	for i := range 20 {
		m[i] = "x"
	}
	for k := range maps.Keys(m) {
		fmt.Print(k, " ")
	}
	fmt.Println()

	in, err := io.ReadAll(os.Stdin)
	check("standard input is empty", err == nil && len(in) == 0)
	check("no arguments", len(os.Args) == 0)
	check("no environment", len(os.Environ()) == 0)
	_, err = os.ReadFile("/etc/passwd")
	fmt.Println("file:", err)
	err = os.WriteFile("x", nil, 0o600)
	fmt.Println("file:", err)
	check("no files", err != nil)
	check("standard output syncs", os.Stdout.Sync() == nil)
	fmt.Fprintln(os.Stderr, "runs on", runtime.GOOS)
	fmt.Print("no line feed")
	return bad
}
