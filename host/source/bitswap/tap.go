package bitswap

import (
	"context"

	"github.com/ipfs/boxo/bitswap/message"
	"github.com/ipfs/boxo/bitswap/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// tap lets the watch see what the client asks for.
type tap struct {
	network.BitSwapNetwork
	watch *watch
}

func (t tap) NewMessageSender(ctx context.Context, p peer.ID, opts *network.MessageSenderOpts) (network.MessageSender, error) {
	s, err := t.BitSwapNetwork.NewMessageSender(ctx, p, opts)
	if err != nil {
		return nil, err
	}
	return tapped{s, p, t.watch}, nil
}

type tapped struct {
	network.MessageSender
	to    peer.ID
	watch *watch
}

func (s tapped) SendMsg(ctx context.Context, m message.BitSwapMessage) error {
	s.watch.sent(s.to, m) // before the answer can be here
	return s.MessageSender.SendMsg(ctx, m)
}
