package liars

import (
	"bytes"
	"context"
	"encoding/binary"
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

// A Deed is what a lying bitswap peer does when it is asked to send a block. It
// ends when ctx does.
type Deed func(ctx context.Context, l *Peer, from peer.ID, c cid.Cid)

// Peer is the libp2p side of a bitswap peer.
type Peer struct {
	host host.Host
	net  network.BitSwapNetwork
}

// WrongBytes sends other bytes in place of the block.
func WrongBytes(ctx context.Context, l *Peer, from peer.ID, c cid.Cid) {
	// The message carries a CID prefix and bytes; the block is put in under the
	// CID that was asked for, whatever its hash says.
	b, err := blocks.NewBlockWithCid(bytes.Repeat([]byte{0xbd}, 64), c)
	if err != nil {
		return
	}
	out := bsmsg.New(false)
	out.AddBlock(b)
	_ = l.net.SendMessage(ctx, from, out)
}

// Nothing leaves the question open.
func Nothing(context.Context, *Peer, peer.ID, cid.Cid) {}

// HangUp closes the connection.
func HangUp(_ context.Context, l *Peer, from peer.ID, _ cid.Cid) {
	_ = l.host.Network().ClosePeer(from)
}

// Trickle announces a message of 100 kB and sends it a byte a second.
func Trickle(ctx context.Context, l *Peer, from peer.ID, _ cid.Cid) {
	s, err := l.host.NewStream(ctx, from, bsnet.ProtocolBitswap)
	if err != nil {
		return
	}
	defer func() { _ = s.Reset() }() // it is over, one way or the other
	next := binary.AppendUvarint(nil, 100_000)
	for every := time.NewTicker(time.Second); ; next = []byte{0x0a} {
		if _, err := s.Write(next); err != nil {
			return
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// Bitswap runs a peer that claims to have every block, and does do when it is
// asked for one.
func Bitswap(t testing.TB, do Deed) *Liar {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	l := &bitswapLiar{
		Liar: Liar{Addr: addrs[0].String()},
		Peer: Peer{host: h, net: bsnet.NewFromIpfsHost(h)},
		do:   do,
	}
	var cancel context.CancelFunc
	l.ctx, cancel = context.WithCancel(context.Background())
	l.net.Start(l)
	t.Cleanup(func() {
		cancel()
		l.net.Stop()
		_ = h.Close()
		l.deeds.Wait()
	})
	return &l.Liar
}

type bitswapLiar struct {
	Liar
	Peer
	do    Deed
	ctx   context.Context
	deeds sync.WaitGroup
}

func (l *bitswapLiar) ReceiveMessage(ctx context.Context, from peer.ID, in bsmsg.BitSwapMessage) {
	out := bsmsg.New(false)
	for _, want := range in.Wantlist() {
		switch {
		case want.Cancel:
		case want.WantType == pb.Message_Wantlist_Have:
			out.AddHave(want.Cid)
		default:
			l.told.Add(1)
			l.deeds.Go(func() { l.do(l.ctx, &l.Peer, from, want.Cid) })
		}
	}
	if !out.Empty() {
		_ = l.net.SendMessage(ctx, from, out)
	}
}

func (l *bitswapLiar) ReceiveError(error)       {}
func (l *bitswapLiar) PeerConnected(peer.ID)    {}
func (l *bitswapLiar) PeerDisconnected(peer.ID) {}
