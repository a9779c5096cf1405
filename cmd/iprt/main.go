// Command iprt runs and extends IPFS and libp2p nodes with WebAssembly modules
// that are named by CID. See `iprt -h`.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
