// Package oracle holds the shipped bencode codec to the bencode of
// github.com/anacrolix/torrent, which has read the torrents of others for a
// decade.
//
// Start with hold in rule_test.go, the differential rule of spec/codecs.md for
// one block. The tests feed it: torrents that the oracle wrote, edge cases,
// generated data and whatever a fuzzer finds. The codec is loaded the way an
// embedder loads one: engine, host, codec.
package oracle
