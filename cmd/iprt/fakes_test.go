package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch/flatfs"
)

// slowGateway serves blocks of a data directory, raw; all but the first FAST
// of them so slowly that a download lasts for hours.
//
//	slowgateway DIR FAST
func slowGateway() {
	var fast, asked int64
	if _, err := fmt.Sscan(os.Args[2], &fast); err != nil {
		fatal(err)
	}
	store, err := flatfs.Open(os.Args[1])
	if err != nil {
		fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fatal(err)
	}
	fmt.Printf("url http://%s\nready\n", l.Addr())
	fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
		if err != nil || r.URL.Query().Get("format") != "raw" {
			http.Error(w, "raw blocks only", http.StatusNotAcceptable)
			return
		}
		b, err := store.Get(context.Background(), c)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		n := atomic.AddInt64(&asked, 1)
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		if n <= fast {
			_, _ = w.Write(b)
			fmt.Printf("served %d\n", n)
			return
		}
		fmt.Printf("asked %d\n", n)
		for i := range b {
			if _, err := w.Write(b[i : i+1]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})))
}

// garbageSocket owns the control socket of a data directory and answers
// everything with noise.
//
//	garbagesocket DIR
func garbageSocket() {
	if err := os.MkdirAll(os.Args[1], 0o700); err != nil {
		fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(os.Args[1], "control.sock"))
	if err != nil {
		fatal(err)
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			fatal(err)
		}
		go func() {
			if n, _ := conn.Read(make([]byte, 4096)); n > 0 {
				_, _ = conn.Write([]byte("\x1b[31m\x00noise\r\n\r\n"))
			}
			_ = conn.Close()
		}()
	}
}

// httpGet writes what a URL answers to a file, as curl would.
//
//	httpget URL FILE
func httpGet() {
	resp, err := http.Get(os.Args[1])
	if err != nil {
		fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	if err == nil {
		err = os.WriteFile(os.Args[2], body, 0o600)
	}
	if err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
