package adminui

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"parley/socketio"
)

// shownSocket is a socket as the page knows it.
type shownSocket struct {
	ID        string         `json:"id"`
	ClientID  string         `json:"clientId"`
	Transport string         `json:"transport"`
	Namespace string         `json:"nsp"`
	Data      any            `json:"data"`
	Handshake shownHandshake `json:"handshake"`
	Rooms     []string       `json:"rooms"`
}

type shownHandshake struct {
	Address string            `json:"address"`
	Headers map[string]string `json:"headers"`
	Query   map[string]string `json:"query"`
	Issued  int64             `json:"issued"`
	Secure  bool              `json:"secure"`
	Time    string            `json:"time"`
	URL     string            `json:"url"`
	Xdomain bool              `json:"xdomain"`
}

// adminData is what nodes tell each other of a socket beside its data, under the name _admin, as Node's do.
type adminData struct {
	ClientID  string `json:"clientId"`
	Transport string `json:"transport"`
}

func adminDataOf(s *socketio.Socket) adminData {
	return adminData{clientID(s.Session().ID()), s.Session().Transport()}
}

// clientID is the same for all sockets of a connection. It does not give the session's id away, which is a secret.
func clientID(sessionID string) string {
	sum := sha256.Sum256([]byte(sessionID))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// withAdminData is a socket's data as other nodes get to see it.
func withAdminData(s *socketio.Socket) any {
	fields := fieldsOf(s.Data())
	fields["_admin"] = adminDataOf(s)
	return fields
}

// fieldsOf is data as an object, which the page expects.
func fieldsOf(data any) map[string]any {
	fields := map[string]any{}
	if data == nil {
		return fields
	}
	text, err := json.Marshal(data)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	if json.Unmarshal(text, &fields) != nil || fields == nil {
		return map[string]any{"value": json.RawMessage(text)}
	}
	return fields
}

func (a *Admin) describe(s *socketio.Socket) shownSocket {
	own := adminDataOf(s)
	return shown(s.Namespace().Name(), own, socketio.RemoteSocket{
		ID: s.ID(), Handshake: s.Handshake().Info(), Rooms: s.Rooms(), Data: fieldsOf(s.Data()),
	})
}

func describeRemote(namespace string, r socketio.RemoteSocket) shownSocket {
	fields := maps.Clone(fieldsOf(r.Data))
	var own adminData
	if text, err := json.Marshal(fields["_admin"]); err == nil {
		_ = json.Unmarshal(text, &own) // a node without an admin UI says nothing
	}
	delete(fields, "_admin")
	r.Data = fields
	return shown(namespace, own, r)
}

func shown(namespace string, own adminData, r socketio.RemoteSocket) shownSocket {
	h := r.Handshake
	address := h.Address
	for _, name := range []string{"x-forwarded-for", "cf-connecting-ip"} {
		if v := h.Headers[name]; v != "" {
			address = v
		}
	}
	headers := maps.Clone(h.Headers)
	delete(headers, "cookie")
	delete(headers, "authorization")
	rooms := r.Rooms
	if rooms == nil {
		rooms = []string{}
	}
	return shownSocket{
		ID: r.ID, ClientID: own.ClientID, Transport: own.Transport, Namespace: namespace, Data: r.Data, Rooms: rooms,
		Handshake: shownHandshake{
			Address: address, Headers: headers, Query: h.Query, Issued: h.Issued, Secure: h.Secure, Time: h.Time, URL: h.URL, Xdomain: h.Xdomain,
		},
	}
}

// fetchTimeout bounds the wait for other nodes. Without those that do not answer the page shows what there is.
const fetchTimeout = 5 * time.Second

// allSockets describes the sockets of all namespaces, on all nodes.
func (a *Admin) allSockets(ctx context.Context) []shownSocket {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	all := []shownSocket{}
	namespaces := a.io.Namespaces()
	slices.SortFunc(namespaces, byName) // the page begins with the first
	for _, ns := range namespaces {
		found, err := ns.FetchSockets(ctx)
		if err != nil {
			a.o.OnError(err)
		}
		for _, r := range found {
			if s := ns.Socket(r.ID); s != nil {
				all = append(all, a.describe(s))
			} else {
				all = append(all, describeRemote(ns.Name(), r))
			}
		}
	}
	return all
}
