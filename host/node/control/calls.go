package control

import "net/http"

func (s *server) status(r *http.Request) (any, error) { return s.api.Status(r.Context()) }

func (s *server) modules(r *http.Request) (any, error) {
	ms, err := s.api.Modules(r.Context())
	if ms == nil {
		ms = []Module{}
	}
	return moduleList{ms}, err
}

type moduleList struct {
	Modules []Module `json:"modules"`
}

func (s *server) load(r *http.Request) (any, error) {
	q, err := readJSON[LoadRequest](r)
	if err != nil {
		return nil, err
	}
	return s.api.Load(r.Context(), q)
}

func (s *server) unload(r *http.Request) (any, error) {
	return nil, s.api.Unload(r.Context(), r.PathValue("binding"))
}

func (s *server) inspect(r *http.Request) (any, error) {
	q, err := readJSON[InspectRequest](r)
	if err != nil {
		return nil, err
	}
	return s.api.Inspect(r.Context(), q)
}

func (s *server) grant(r *http.Request) (any, error) {
	q, err := readJSON[GrantRequest](r)
	if err != nil {
		return nil, err
	}
	return nil, s.api.Grant(r.Context(), q)
}

func (s *server) deny(r *http.Request) (any, error) {
	q, err := readJSON[DenyRequest](r)
	if err != nil {
		return nil, err
	}
	return s.api.Deny(r.Context(), q)
}

func (s *server) getBlock(r *http.Request) (any, error) {
	q := r.URL.Query()
	data, err := s.api.GetBlock(r.Context(), r.PathValue("cid"), Reach{
		Offline:  q.Get("offline") == "true",
		Peers:    q["peer"],
		Gateways: q["gateway"],
		Session:  q.Get("session"),
	})
	return raw{"application/vnd.ipld.raw", data}, err
}

func (s *server) putBlock(r *http.Request) (any, error) {
	data, err := readBytes(r, MaxBlock)
	if err != nil {
		return nil, err
	}
	return nil, s.api.PutBlock(r.Context(), r.PathValue("cid"), data)
}

func (s *server) dagGet(r *http.Request) (any, error) {
	q, err := readJSON[DagGetRequest](r)
	if err != nil {
		return nil, err
	}
	data, err := s.api.DagGet(r.Context(), q)
	return raw{"application/vnd.ipld.dag-json", data}, err
}

func (s *server) dagPut(r *http.Request) (any, error) {
	doc, err := readBytes(r, MaxDocument)
	if err != nil {
		return nil, err
	}
	return s.api.DagPut(r.Context(), DagPutRequest{Codec: r.URL.Query().Get("codec"), Document: doc})
}

func (s *server) describe(r *http.Request) (any, error) {
	q, err := readJSON[DescribeRequest](r)
	if err != nil {
		return nil, err
	}
	return s.api.Describe(r.Context(), q)
}
