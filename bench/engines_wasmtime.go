//go:build wasmtime && cgo

package main

import "github.com/iprt/iprt/host/engine/wasmtime"

var taggedEngines = []engineKind{{"wasmtime", true, wasmtime.New}}
