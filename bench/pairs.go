package main

import "context"

// pairs is everything that is measured, in the order of the table.
func (s *subjects) pairs(ctx context.Context) ([]pair, error) {
	var all []pair
	for _, more := range []func(context.Context) ([]pair, error){s.callPairs, s.codecPairs, s.meterPairs} {
		pairs, err := more(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, pairs...)
	}
	return all, nil
}
