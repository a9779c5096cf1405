package node

import "github.com/libp2p/go-libp2p/core/peer"

// ProtocolsOf lists what a connected peer said it speaks.
func ProtocolsOf(n *Node, id string) ([]string, error) {
	p, err := peer.Decode(id)
	if err != nil {
		return nil, err
	}
	protocols, err := n.net.Peerstore().GetProtocols(p)
	var out []string
	for _, s := range protocols {
		out = append(out, string(s))
	}
	return out, err
}
