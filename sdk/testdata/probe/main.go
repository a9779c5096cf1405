// Command probe is the module of package probe.
package main

import (
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk"
	"github.com/iprt/iprt/sdk/codec"
	"github.com/iprt/iprt/sdk/config"
	"github.com/iprt/iprt/sdk/internal/probe"
)

func init() {
	codec.Register(probe.Codec{})
	sdk.OnInit(func() error {
		if why, err := config.Get("refuse"); err == nil {
			return sdk.Errorf(abi.StatusConflict, "%s", why)
		}
		return nil
	})
}

func main() {}
