package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
)

// The schemas of SCIM 2.0 (RFC 7643, RFC 7644).
const (
	scimUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	scimList   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	scimPatch  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	scimError  = "urn:ietf:params:scim:api:messages:2.0:Error"
	scimConfig = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

const (
	maxScimBody = 256 << 10 // bytes
	scimPage    = 100
	maxScimPage = 200
)

// scimRoutes are those below /scim/v2. Whoever has a token of `parley admin scim-token` keeps the accounts up.
func (a *api) scimRoutes() map[string]func(http.ResponseWriter, *http.Request) error {
	return map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /scim/v2/ServiceProviderConfig": a.scimConfig,
		"GET /scim/v2/Users":                 a.scimUsers,
		"POST /scim/v2/Users":                a.scimCreate,
		"GET /scim/v2/Users/{id}":            a.scimGet,
		"PUT /scim/v2/Users/{id}":            a.scimReplace,
		"PATCH /scim/v2/Users/{id}":          a.scimPatch,
		"DELETE /scim/v2/Users/{id}":         a.scimDelete,
		"GET /scim/v2/Groups":                a.scimGroups,
		"GET /scim/v2/Groups/{id}":           a.scimGetGroup,
		"PATCH /scim/v2/Groups/{id}":         a.scimPatchGroup,
		"/scim/":                             func(http.ResponseWriter, *http.Request) error { return errNoSuch() },
	}
}

func errNoSuch() error { return &chat.Error{Kind: chat.NotFound, Message: "No such resource"} }

// scim wraps a route: its caller's token, the size of what they send, and errors in SCIM's form. Only the header counts, never a cookie: a
// page in somebody's browser cannot use it.
func (a *api) scim(do func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := a.mayScim(r)
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxScimBody)
			err = do(w, r)
		}
		if err != nil {
			a.scimFail(w, r, err)
		}
	}
}

func (a *api) mayScim(r *http.Request) error {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	err := a.Accounts.CheckServiceToken(r.Context(), token)
	if err != nil && chat.AsError(err).Kind == chat.Unauthenticated {
		if slow := a.Accounts.Throttle.Take(r.Context(), a.Accounts.Limits.SignIns, "service tokens from "+a.ClientIP(r)); slow != nil {
			return slow
		}
	}
	return err
}

func (a *api) scimFail(w http.ResponseWriter, r *http.Request, err error) {
	e := chat.AsError(err)
	if e.Kind == chat.Internal || e.Err != nil && e.Kind != chat.Invalid {
		a.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())+1))
	}
	if e.Kind == chat.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	out := map[string]any{"schemas": []string{scimError}, "status": strconv.Itoa(statusOf[e.Kind]), "detail": e.Message}
	switch e.Kind {
	case chat.Conflict:
		out["scimType"] = "uniqueness"
	case chat.Invalid:
		out["scimType"] = "invalidValue"
	}
	writeScim(w, statusOf[e.Kind], out)
}

func writeScim(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

func readScim[T any](r *http.Request) (T, error) {
	var in T
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return in, &chat.Error{Kind: chat.Invalid, Message: "The body is not what SCIM 2.0 says: " + err.Error(), Err: err}
	}
	return in, nil
}

func (a *api) scimConfig(w http.ResponseWriter, _ *http.Request) error {
	no, yes := map[string]any{"supported": false}, map[string]any{"supported": true}
	writeScim(w, http.StatusOK, map[string]any{
		"schemas": []string{scimConfig}, "patch": yes, "bulk": map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": maxScimBody},
		"filter": map[string]any{"supported": true, "maxResults": maxScimPage}, "changePassword": no, "sort": no, "etag": no,
		"authenticationSchemes": []any{map[string]any{"type": "oauthbearertoken", "name": "Bearer", "description": "A token of parley admin scim-token", "primary": true}},
	})
	return nil
}

// scimWire is a user as SCIM has one.
type scimWire struct {
	Schemas     []string    `json:"schemas"`
	ID          string      `json:"id"`
	ExternalID  string      `json:"externalId,omitempty"`
	UserName    string      `json:"userName"`
	DisplayName string      `json:"displayName"`
	Active      bool        `json:"active"`
	Emails      []scimEmail `json:"emails,omitempty"`
	Roles       []scimEmail `json:"roles"`
	Meta        scimMeta    `json:"meta"`
}

type scimEmail struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary,omitempty"`
}

type scimMeta struct {
	ResourceType string `json:"resourceType"`
	Created      string `json:"created,omitempty"`
	Location     string `json:"location"`
	Version      string `json:"version,omitempty"`
}

func (a *api) toScim(p auth.Provisioned) scimWire {
	w := scimWire{
		Schemas: []string{scimUser}, ID: p.ID, ExternalID: p.ExternalID, UserName: p.UserName, DisplayName: p.Name, Active: p.Active,
		Roles: []scimEmail{{Value: string(p.Role)}},
		Meta: scimMeta{
			ResourceType: "User", Created: p.CreatedAt.Format("2006-01-02T15:04:05.000Z"), Location: a.Accounts.Origin() + "/scim/v2/Users/" + p.ID,
			Version: `W/"` + strconv.FormatInt(p.Version, 10) + `"`,
		},
	}
	if p.Email != "" {
		w.Emails = []scimEmail{{p.Email, true}}
	}
	return w
}

// scimFilter is the one form of filters there is: an attribute that equals a string.
var scimFilter = regexp.MustCompile(`(?i)^\s*([a-z.]+)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$`)

func (a *api) scimUsers(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	attribute, value := "", ""
	if text := q.Get("filter"); text != "" {
		m := scimFilter.FindStringSubmatch(text)
		if m == nil || json.Unmarshal([]byte(m[2]), &value) != nil || strings.ContainsRune(value, 0) {
			return &chat.Error{Kind: chat.Invalid, Message: `A filter is an attribute that equals a string, as userName eq "ana"`}
		}
		attribute = strings.ToLower(m[1])
	}
	start, err := numberOf(q.Get("startIndex"), 1)
	if err != nil {
		return err
	}
	count, err := numberOf(q.Get("count"), scimPage)
	if err != nil {
		return err
	}
	start, count = max(start, 1), min(max(count, 0), maxScimPage)
	list, total, err := a.Accounts.ProvisionedUsers(r.Context(), attribute, value, start-1, count)
	if err != nil {
		return err
	}
	resources := make([]scimWire, len(list))
	for i, p := range list {
		resources[i] = a.toScim(p)
	}
	writeScim(w, http.StatusOK, map[string]any{
		"schemas": []string{scimList}, "totalResults": total, "startIndex": start, "itemsPerPage": len(resources), "Resources": resources,
	})
	return nil
}

func numberOf(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > 1<<30 {
		return 0, &chat.Error{Kind: chat.Invalid, Message: "startIndex and count are numbers"}
	}
	return n, nil
}

// scimRequest is a user as somebody outside describes one. What it does not have is not kept here.
type scimRequest struct {
	UserName    string      `json:"userName"`
	ExternalID  string      `json:"externalId"`
	DisplayName string      `json:"displayName"`
	Active      *bool       `json:"active"`
	Emails      []scimEmail `json:"emails"`
	Name        struct {
		Formatted  string `json:"formatted"`
		GivenName  string `json:"givenName"`
		FamilyName string `json:"familyName"`
	} `json:"name"`
}

func (in *scimRequest) wanted() auth.Wanted {
	name := in.DisplayName
	if name == "" {
		name = in.Name.Formatted
	}
	if name == "" {
		name = strings.TrimSpace(in.Name.GivenName + " " + in.Name.FamilyName)
	}
	email := ""
	for _, e := range in.Emails {
		if email == "" || e.Primary {
			email = e.Value
		}
	}
	return auth.Wanted{UserName: &in.UserName, ExternalID: &in.ExternalID, Name: &name, Email: &email, Active: in.Active}
}

func (a *api) scimCreate(w http.ResponseWriter, r *http.Request) error {
	in, err := readScim[scimRequest](r)
	if err != nil {
		return err
	}
	p, err := a.Accounts.Provision(r.Context(), in.wanted())
	if err != nil {
		return err
	}
	out := a.toScim(p)
	w.Header().Set("Location", out.Meta.Location)
	writeScim(w, http.StatusCreated, out)
	return nil
}

func (a *api) scimGet(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Accounts.ProvisionedUser(r.Context(), resourceID(r))
	if err == nil {
		writeScim(w, http.StatusOK, a.toScim(p))
	}
	return err
}

// resourceID is the id in a path, empty for one that none can have.
func resourceID(r *http.Request) string {
	id := r.PathValue("id")
	if len(id) > 64 || strings.ContainsRune(id, 0) {
		return ""
	}
	return id
}

func (a *api) scimReplace(w http.ResponseWriter, r *http.Request) error {
	in, err := readScim[scimRequest](r)
	if err != nil {
		return err
	}
	p, err := a.Accounts.Reprovision(r.Context(), resourceID(r), in.wanted())
	if err == nil {
		writeScim(w, http.StatusOK, a.toScim(p))
	}
	return err
}

func (a *api) scimDelete(w http.ResponseWriter, r *http.Request) error {
	err := a.Accounts.Deprovision(r.Context(), resourceID(r))
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
