package ipldbind

import (
	"context"

	"github.com/iprt/iprt/host"
)

// Bind makes a codec of a loaded module, for the code that its manifest names. A module without the role codec/v1 is a
// *[RoleError]. Closing the module ends the codec; views that it made stay valid.
func Bind(m *host.Module) (*Codec, error) { return BindWith(m, Limits{}) }

// BindWith is [Bind] with limits of the caller's.
func BindWith(m *host.Module, l Limits) (*Codec, error) {
	role, ok := m.Manifest().Codec()
	if !ok {
		return nil, &RoleError{Module: m.ID(), Name: m.Manifest().Name}
	}
	return NewCodec(role.Code, hosted{m}, l), nil
}

// hosted is a module of a host as a [Module].
type hosted struct{ *host.Module }

func (h hosted) Call(ctx context.Context, e host.Export, input, params []byte, use func([]byte) error) error {
	return h.CallParts(ctx, e, [][]byte{input}, params, use)
}

func (h hosted) CallParts(ctx context.Context, e host.Export, input [][]byte, params []byte, use func([]byte) error) error {
	i, err := h.Acquire(ctx)
	if err != nil {
		return err
	}
	defer i.Release()
	result, err := i.CallParts(ctx, e, input, params)
	if err != nil {
		return err
	}
	if err := use(result); err != nil {
		i.Discard(err)
		return err
	}
	return nil
}
