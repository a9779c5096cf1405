package fetch

import (
	"net/http"
	"net/url"
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
