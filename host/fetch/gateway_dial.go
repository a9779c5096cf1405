package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// dial connects for one gateway. The operator chose the gateway, so wherever its
// own name leads is fine. Where it redirects to was not chosen: once the gateway
// was found at a public address, it cannot make this machine ask others of its
// own network. (One of the own network may, which is what it is trusted for.)
func (g *Gateway) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g.chosen.CompareAndSwap(nil, &addr) // the first address to be asked for is its own
	chosen := addr == *g.chosen.Load()
	d := net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		public := isPublic(at.Addr())
		if chosen && public {
			g.public.Store(true)
		}
		if !chosen && !public && g.public.Load() {
			return fmt.Errorf("redirected to %s, which is not a public address", at.Addr())
		}
		return nil
	}}
	return d.DialContext(ctx, network, addr)
}

// special are ranges that are not of the public internet, or may lead back from
// it, besides those that package netip knows. See the IANA special-purpose
// address registries.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // IPv4 behind NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), // IPv4 by 6to4
	netip.MustParsePrefix("fec0::/10"),
}

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
