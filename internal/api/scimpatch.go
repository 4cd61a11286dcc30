package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"parley/internal/auth"
	"parley/internal/chat"
)

// patchRequest is a list of changes.
type patchRequest struct {
	Schemas    []string  `json:"schemas"`
	Operations []patchOp `json:"Operations"`
}

type patchOp struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

const maxOperations = 1000

func readPatch(r *http.Request) ([]patchOp, error) {
	in, err := readScim[patchRequest](r)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(in.Schemas, scimPatch) || len(in.Operations) == 0 || len(in.Operations) > maxOperations {
		return nil, &chat.Error{Kind: chat.Invalid, Message: "A PatchOp with Operations is expected"}
	}
	for i, op := range in.Operations {
		in.Operations[i].Op = strings.ToLower(op.Op)
		if !slices.Contains([]string{"add", "replace", "remove"}, in.Operations[i].Op) {
			return nil, &chat.Error{Kind: chat.Invalid, Message: "op must be add, replace or remove"}
		}
	}
	return in.Operations, nil
}

func (a *api) scimPatch(w http.ResponseWriter, r *http.Request) error {
	ops, err := readPatch(r)
	if err != nil {
		return err
	}
	var wanted auth.Wanted
	for _, op := range ops {
		if err := apply(op, &wanted); err != nil {
			return err
		}
	}
	p, err := a.Accounts.Reprovision(r.Context(), resourceID(r), wanted)
	if err == nil {
		writeScim(w, http.StatusOK, a.toScim(p))
	}
	return err
}

// apply reads one change. Without a path its value is an object of attributes.
func apply(op patchOp, w *auth.Wanted) error {
	if op.Op == "remove" && strings.EqualFold(op.Path, "active") {
		return &chat.Error{Kind: chat.Invalid, Message: "active cannot be removed: replace it"}
	}
	if op.Op == "remove" {
		return nil // what can be removed is not kept here, but an address, which its owner removes
	}
	if op.Path != "" {
		return set(w, op.Path, op.Value)
	}
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(op.Value, &attributes); err != nil {
		return &chat.Error{Kind: chat.Invalid, Message: "Without a path, value is an object"}
	}
	for path, value := range attributes {
		if err := set(w, path, value); err != nil {
			return err
		}
	}
	return nil
}

// emailPath is the path of an address, as emails, emails[type eq "work"].value.
var emailPath = regexp.MustCompile(`^emails(\[.*\])?(\.value)?$`)

// set takes an attribute's new value. Those that are not kept here are passed over, as in a whole user.
func set(w *auth.Wanted, path string, value json.RawMessage) error {
	path = strings.TrimPrefix(strings.ToLower(path), strings.ToLower(scimUser)+":")
	text := func(to **string) error {
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return &chat.Error{Kind: chat.Invalid, Message: path + " is a string"}
		}
		*to = &s
		return nil
	}
	switch {
	case path == "active":
		return setActive(w, value)
	case path == "username":
		return text(&w.UserName)
	case path == "externalid":
		return text(&w.ExternalID)
	case path == "displayname" || path == "name.formatted":
		return text(&w.Name)
	case emailPath.MatchString(path):
		var list []scimEmail
		if json.Unmarshal(value, &list) == nil && len(list) > 0 {
			w.Email = &list[0].Value
			return nil
		}
		return text(&w.Email)
	}
	return nil
}

// setActive takes booleans, and strings that say the same: one large provider sends those.
func setActive(w *auth.Wanted, value json.RawMessage) error {
	switch strings.ToLower(strings.Trim(string(value), `"`)) {
	case "true":
		on := true
		w.Active = &on
	case "false":
		off := false
		w.Active = &off
	default:
		return &chat.Error{Kind: chat.Invalid, Message: "active is true or false"}
	}
	return nil
}

// scimRoles are the groups: whose member somebody is, is what they may.
var scimRoles = []chat.Role{chat.Admin, chat.Moderator, chat.Member}

func (a *api) toScimGroup(r *http.Request, role chat.Role) (map[string]any, error) {
	list, err := a.Accounts.WithRole(r.Context(), role)
	if err != nil {
		return nil, err
	}
	members := []map[string]string{}
	for _, p := range list {
		members = append(members, map[string]string{"value": p.ID, "display": p.UserName})
	}
	return map[string]any{
		"schemas": []string{scimGroup}, "id": role, "displayName": role, "members": members,
		"meta": scimMeta{ResourceType: "Group", Location: a.Accounts.Origin() + "/scim/v2/Groups/" + string(role)},
	}, nil
}

func (a *api) scimGroups(w http.ResponseWriter, r *http.Request) error {
	var groups []map[string]any
	for _, role := range scimRoles {
		m := scimFilter.FindStringSubmatch(r.URL.Query().Get("filter"))
		if m != nil && (!strings.EqualFold(m[1], "displayName") || m[2] != `"`+string(role)+`"`) {
			continue
		}
		g, err := a.toScimGroup(r, role)
		if err != nil {
			return err
		}
		groups = append(groups, g)
	}
	writeScim(w, http.StatusOK, map[string]any{
		"schemas": []string{scimList}, "totalResults": len(groups), "startIndex": 1, "itemsPerPage": len(groups), "Resources": groups,
	})
	return nil
}

func groupOf(r *http.Request) (chat.Role, error) {
	role := chat.Role(r.PathValue("id"))
	if !slices.Contains(scimRoles, role) {
		return "", errNoSuch()
	}
	return role, nil
}

func (a *api) scimGetGroup(w http.ResponseWriter, r *http.Request) error {
	role, err := groupOf(r)
	if err != nil {
		return err
	}
	g, err := a.toScimGroup(r, role)
	if err == nil {
		writeScim(w, http.StatusOK, g)
	}
	return err
}

// memberPath is the path of one member: members[value eq "ID"].
var memberPath = regexp.MustCompile(`^members\[value eq "([^"]+)"\]$`)

// scimPatchGroup gives roles: added to a group somebody has its role, removed from it they are a member.
func (a *api) scimPatchGroup(w http.ResponseWriter, r *http.Request) error {
	role, err := groupOf(r)
	if err != nil {
		return err
	}
	ops, err := readPatch(r)
	if err != nil {
		return err
	}
	for _, op := range ops {
		ids, err := membersOf(op)
		if err != nil {
			return err
		}
		to := role
		if op.Op == "remove" {
			to = chat.Member
		}
		if op.Op == "replace" {
			if err := a.demoteOthers(r, role, ids); err != nil {
				return err
			}
		}
		for _, id := range ids {
			if err := a.giveRole(r, id, role, to); err != nil {
				return err
			}
		}
	}
	g, err := a.toScimGroup(r, role)
	if err == nil {
		writeScim(w, http.StatusOK, g)
	}
	return err
}

// giveRole gives a role. Who is to be removed from a group that they are not in keeps the one they have.
func (a *api) giveRole(r *http.Request, id string, group, to chat.Role) error {
	p, err := a.Accounts.ProvisionedUser(r.Context(), id)
	if err != nil {
		return err
	}
	if p.Role == to || to != group && p.Role != group {
		return nil
	}
	return a.Accounts.ProvisionedRole(r.Context(), id, to)
}

func (a *api) demoteOthers(r *http.Request, role chat.Role, keep []string) error {
	if role == chat.Member {
		return nil // there is nothing below it
	}
	list, err := a.Accounts.WithRole(r.Context(), role)
	for _, p := range list {
		if err == nil && !slices.Contains(keep, p.ID) {
			err = a.Accounts.ProvisionedRole(r.Context(), p.ID, chat.Member)
		}
	}
	return err
}

// membersOf are the ids that a change is about.
func membersOf(op patchOp) ([]string, error) {
	if m := memberPath.FindStringSubmatch(op.Path); m != nil && op.Op == "remove" {
		return []string{m[1]}, nil
	}
	value := op.Value
	if op.Path == "" {
		var whole struct {
			Members json.RawMessage `json:"members"`
		}
		if json.Unmarshal(op.Value, &whole) == nil {
			value = whole.Members
		}
	}
	var list []scimEmail
	if op.Path != "" && op.Path != "members" || json.Unmarshal(value, &list) != nil {
		return nil, &chat.Error{Kind: chat.Invalid, Message: "Only members of a group can be changed: [{value: ID}]"}
	}
	ids := make([]string, len(list))
	for i, m := range list {
		if ids[i] = m.Value; strings.ContainsRune(m.Value, 0) {
			return nil, errNoSuch()
		}
	}
	return ids, nil
}
