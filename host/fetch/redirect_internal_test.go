package fetch

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestCheckRedirect(t *testing.T) {
	const c, other = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
	tests := []struct {
		from, to   string
		ok, secret bool // followed, with the credentials
	}{
		{"https://gw/ipfs/" + c, "https://gw/ipfs/" + c + "/", true, true},
		{"https://gw/ipfs/" + c + "?format=raw", "https://" + c + ".ipfs.gw/?format=raw", true, false},
		{"https://gw/ipfs/" + c + "?format=raw", "https://" + c + ".ipfs.gw/", true, false},
		{"https://gw/ipfs/" + c, "https://gw/ipfs/" + c + "?reboot=yes", false, false},
		{"https://gw/ipfs/" + c, "http://10.0.0.1/cgi-bin/x/ipfs/" + c + "/y", false, false},
		{"https://gw/ipfs/" + c, "https://" + c + ".ipfs.gw/cgi-bin", false, false},
		{"https://gw/ipfs/" + c, "https://gw:444/ipfs/" + c, true, false},
		{"http://gw/ipfs/" + c, "https://gw/ipfs/" + c, true, false},
		{"https://gw/ipfs/" + c, "http://gw/ipfs/" + c, false, false},
		{"https://gw/ipfs/" + c, "https://" + other + ".ipfs.gw/", false, false},
		{"https://gw/ipfs/" + c, "https://" + c + ".evil/", false, false},
		{"https://gw/ipfs/" + c, "http://169.254.169.254/latest", false, false},
		{"https://gw/ipfs/" + c, "https://user@gw/ipfs/" + c, false, false},
	}
	for _, tt := range tests {
		from, err := url.Parse(tt.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{URL: to, Header: http.Header{"Authorization": {"Basic x"}}}
		err = checkRedirect(req, []*http.Request{{URL: from}})
		if (err == nil) != tt.ok || tt.ok && (req.Header.Get("Authorization") != "") != tt.secret {
			t.Errorf("%s to %s: %v, header %v", tt.from, tt.to, err, req.Header)
		}
	}
}

func TestIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "fe80::1%eth0": false, "fd00::1": false, "100.100.100.200": false,
		"0.0.0.0": false, "::": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "192.0.0.192": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestRedirectIntoOwnNetwork: a gateway of the public internet cannot send us to
// a machine of our own, which a gateway of our own network can.
func TestRedirectIntoOwnNetwork(t *testing.T) {
	block := []byte("secret")
	c := Identity(block)
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeRaw)
		w.Write(block)
	}))
	defer inside.Close()
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.URL+"/ipfs/"+c.String()+"?format=raw", http.StatusFound)
	}))
	defer outside.Close()
	for _, public := range []bool{false, true} {
		g, err := NewGateway(outside.URL, GatewayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		g.public.Store(public) // no test can serve from a public address
		_, err = g.raw(t.Context(), c)
		if public != (err != nil && strings.Contains(err.Error(), "not a public address")) {
			t.Errorf("public %v: %v", public, err)
		}
		g.Close()
	}
}
