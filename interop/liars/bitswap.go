package liars

import (
	"bytes"
	"context"
	"testing"

	bsmsg "github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/boxo/bitswap/network"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	blocks "github.com/ipfs/go-block-format"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Bitswap runs a peer that claims to have every block and sends other bytes in
// its place.
func Bitswap(t testing.TB) *Liar {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	l := &bitswapLiar{Liar: Liar{Addr: addrs[0].String()}, net: bsnet.NewFromIpfsHost(h)}
	l.net.Start(l)
	t.Cleanup(func() {
		l.net.Stop()
		_ = h.Close()
	})
	return &l.Liar
}

type bitswapLiar struct {
	Liar
	net network.BitSwapNetwork
}

func (l *bitswapLiar) ReceiveMessage(ctx context.Context, from peer.ID, in bsmsg.BitSwapMessage) {
	out := bsmsg.New(false)
	for _, want := range in.Wantlist() {
		switch {
		case want.Cancel:
		case want.WantType == pb.Message_Wantlist_Have:
			out.AddHave(want.Cid)
		default:
			// The message carries a CID prefix and bytes; the block is put in
			// under the CID that was asked for, whatever its hash says.
			b, err := blocks.NewBlockWithCid(bytes.Repeat([]byte{0xbd}, 64), want.Cid)
			if err != nil {
				continue
			}
			out.AddBlock(b)
			l.told.Add(1)
		}
	}
	if !out.Empty() {
		_ = l.net.SendMessage(ctx, from, out)
	}
}

func (l *bitswapLiar) ReceiveError(error)       {}
func (l *bitswapLiar) PeerConnected(peer.ID)    {}
func (l *bitswapLiar) PeerDisconnected(peer.ID) {}
