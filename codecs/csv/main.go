// Command csv is an IPLD codec for CSV: a block is a list of lists of strings.
// It is the example of a codec in stock Go; start with csv.go and README.md.
package main

import "github.com/iprt/iprt/sdk/codec"

func init() { codec.Register(csvCodec{}) }

func main() {}
