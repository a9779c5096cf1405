package table

import "github.com/ipfs/go-cid"

// Links returns the CIDs of a table that is a list of links, in order and with repetitions: the answer of a codec's links
// call. Any other shape is an *[Error].
func (t *Table) Links() ([]cid.Cid, error) {
	root := t.node(0)
	if root.kind != kindList {
		return nil, recordError(0, "root has kind %d, not list: links returns a list of links", root.kind)
	}
	cids := make([]cid.Cid, 0, root.n)
	for i := uint32(1); i < root.end(); i++ {
		n := t.node(i)
		if n.kind != kindLink {
			return nil, recordError(i, "kind %d, not link: links returns a list of links", n.kind)
		}
		c, err := cid.Cast(n.data(t))
		if err != nil {
			return nil, recordError(i, "%v", err)
		}
		cids = append(cids, c)
	}
	return cids, nil
}
