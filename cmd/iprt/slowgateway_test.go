package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// slowGateway serves the files of a folder as raw blocks, named by CID, the
// second and later ones so slowly that a download lasts for minutes.
//
//	slowgateway DIR
func slowGateway() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("url http://%s\nready\n", l.Addr())
	asked := 0
	fmt.Fprintln(os.Stderr, http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/ipfs/")
		b, err := os.ReadFile(filepath.Join(os.Args[1], filepath.Base(name)))
		if err != nil || r.URL.Query().Get("format") != "raw" {
			http.NotFound(w, r)
			return
		}
		asked++
		fmt.Printf("asked %d\n", asked)
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		for i := range b {
			if _, err := w.Write(b[i : i+1]); err != nil {
				return
			}
			if asked > 1 {
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
		}
	})))
}
