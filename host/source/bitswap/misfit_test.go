package bitswap_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	bsmsg "github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/boxo/bitswap/network"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// misfit is a peer that says HAVE to everything and, when asked for a block,
// does what it was made for.
type misfit struct {
	host  host.Host
	net   network.BitSwapNetwork
	onAsk func(m *misfit, from peer.ID, c cid.Cid)
	work  sync.WaitGroup
}

func newMisfit(t *testing.T, onAsk func(m *misfit, from peer.ID, c cid.Cid)) *misfit {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	m := &misfit{host: h, net: bsnet.NewFromIpfsHost(h), onAsk: onAsk}
	m.net.Start(m)
	t.Cleanup(func() {
		m.net.Stop()
		m.work.Wait()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *misfit) ReceiveMessage(_ context.Context, from peer.ID, in bsmsg.BitSwapMessage) {
	out := bsmsg.New(false)
	for _, want := range in.Wantlist() {
		switch {
		case want.Cancel:
		case want.WantType == pb.Message_Wantlist_Have:
			out.AddHave(want.Cid)
		default:
			m.work.Go(func() { m.onAsk(m, from, want.Cid) })
		}
	}
	m.tell(from, out)
}

func (m *misfit) tell(to peer.ID, out bsmsg.BitSwapMessage) {
	if !out.Empty() {
		_ = m.net.SendMessage(context.Background(), to, out) // it may have hung up
	}
}

// send delivers bytes as if they were the block.
func (m *misfit) send(to peer.ID, c cid.Cid, b []byte) {
	out := bsmsg.New(false)
	block, err := blocks.NewBlockWithCid(b, c)
	if err != nil {
		panic(err)
	}
	out.AddBlock(block)
	m.tell(to, out)
}

func (m *misfit) have(to peer.ID, c cid.Cid) {
	out := bsmsg.New(false)
	out.AddHave(c)
	m.tell(to, out)
}

func (*misfit) ReceiveError(error)       {}
func (*misfit) PeerConnected(peer.ID)    {}
func (*misfit) PeerDisconnected(peer.ID) {}

// What a peer may do when it is asked for a block.

func lies(m *misfit, from peer.ID, c cid.Cid) { m.send(from, c, bytes.Repeat([]byte{0xbd}, 64)) }

func silent(*misfit, peer.ID, cid.Cid) {}

func vanishes(m *misfit, from peer.ID, _ cid.Cid) { _ = m.host.Network().ClosePeer(from) }

// insists says again and again that it has the block.
func insists(m *misfit, from peer.ID, c cid.Cid) {
	for range 20 {
		time.Sleep(20 * time.Millisecond)
		m.have(from, c)
	}
}

// wrongCodec sends bytes of its own under another codec than was asked for.
func wrongCodec(m *misfit, from peer.ID, c cid.Cid) {
	m.send(from, cid.NewCidV1(cid.DagCBOR, c.Hash()), []byte{0xf6})
}

// slow sends what is in from's store, late.
func slow(content []byte, late time.Duration) func(*misfit, peer.ID, cid.Cid) {
	return func(m *misfit, from peer.ID, c cid.Cid) {
		time.Sleep(late)
		m.send(from, c, content)
	}
}
