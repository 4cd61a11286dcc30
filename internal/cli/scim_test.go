package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"

	"parley/internal/db"
	"parley/internal/db/dbtest"
)

// admin runs a verb of parley admin beside the server.
func (s *server) admin(args ...string) string {
	s.t.Helper()
	s.t.Setenv("DATABASE_URL", "")
	for _, a := range s.args { // the last one counts
		if url, ok := strings.CutPrefix(a, "--database-url="); ok {
			s.t.Setenv("DATABASE_URL", url)
		}
		if dir, ok := strings.CutPrefix(a, "--data="); ok {
			s.t.Setenv("PARLEY_DATA", dir)
		}
	}
	var out, errs bytes.Buffer
	if code := Run(s.t.Context(), append([]string{"admin"}, args...), &out, &errs); code != 0 {
		s.t.Fatalf("admin %v: %s", args, errs.String())
	}
	s.t.Setenv("DATABASE_URL", "")
	s.t.Setenv("PARLEY_DATA", "")
	return strings.TrimSpace(out.String())
}

// scim asks a route with a token, and returns the status and the body.
func (s *server) scim(token, method, path, body string, header ...string) (int, reply) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/scim/v2/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	out := reply{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil || res.Header.Get("Content-Type") != "application/scim+json" {
			s.t.Fatalf("%s %s: %s %s", method, path, res.Header, text)
		}
	}
	return res.StatusCode, out
}

func patch(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}

func TestProvisioning(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		p := startProvider(t, map[string]*storage.User{"id-ana": {Username: "ana", FirstName: "Ana", Email: "ana@office.test", EmailVerified: true}})
		s := p.serves(o)
		root := s.dial(nil)
		rootID := root.must("account-create", reply{"name": "root", "password": "password of root"})["userId"].(string)
		token := s.admin("scim-token", "the office")
		ask := func(want int, method, path, body string) reply {
			t.Helper()
			status, out := s.scim(token, method, path, body)
			if status != want {
				t.Fatalf("%s %s %s: %d %v, want %d", method, path, body, status, out, want)
			}
			return out
		}
		ana := ask(201, "POST", "Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Ana@office.test","externalId":"e-1","name":{"givenName":"Ana","familyName":"Ruiz"},
			"emails":[{"value":"other@office.test"},{"value":"ana@office.test","primary":true}],"active":true,"title":"is not kept"}`)
		id := ana["id"].(string)
		if ana["userName"] != "Ana@office.test" || ana["externalId"] != "e-1" || ana["displayName"] != "Ana Ruiz" || ana["active"] != true ||
			!strings.Contains(fmt.Sprint(ana["emails"]), "ana@office.test") {
			t.Fatal(ana)
		}
		for _, body := range []string{`{"userName":"ana@OFFICE.test"}`, `{"userName":"root"}`, `{"userName":"new","emails":[{"value":"ana@office.test"}]}`} {
			if r := ask(409, "POST", "Users", body); r["scimType"] != "uniqueness" {
				t.Fatal(r)
			}
		}
		for _, body := range []string{``, `[]`, `{`, `{"userName":""}`, `{"userName":"a\u0000b"}`, `{"userName":7}`, `{"userName":"x","emails":[{"value":"no address"}]}`, `{"userName":"` + strings.Repeat("x", 300) + `"}`} {
			ask(400, "POST", "Users", body)
		}
		for filter, want := range map[string]float64{
			`userName eq "ANA@office.test"`: 1, `username EQ "root"`: 1, `externalId eq "e-1"`: 1, `externalId eq "E-1"`: 0, `id eq "` + id + `"`: 1,
			`emails.value eq "ana@office.test"`: 1, `userName eq "%"`: 0, `userName eq "x' OR '1'='1"`: 0, `userName eq "x\" or \"1\"=\"1"`: 0, ``: 2,
		} {
			if r := ask(200, "GET", "Users?filter="+strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", "'", "%27", "=", "%3D", `\`, "%5C").Replace(filter), ""); r["totalResults"] != want {
				t.Fatal(filter, r)
			}
		}
		for _, filter := range []string{"userName%20co%20%22a%22", "password_hash%20eq%20%22x%22", "userName%20eq%20a", "userName%20eq%20%22a%5Cu0000%22"} {
			ask(400, "GET", "Users?filter="+filter, "")
		}
		if r := ask(200, "GET", "Users?startIndex=2&count=1", ""); r["totalResults"] != 2.0 || len(r["Resources"].([]any)) != 1 {
			t.Fatal(r)
		}

		// Whom the account was made for comes by way of the provider, and nobody else.
		s.dial(nil).refused("account-login", reply{"name": "ana", "password": ""}, "unauthenticated", "Wrong")
		b := s.browser()
		if got := b.travel("sign-in", "ana"); got != "oidc=sign-in" {
			t.Fatal(got)
		}
		device, who := b.joined()
		if who["userId"] != id {
			t.Fatal(who)
		}

		// Taking the access away ends the sessions at once.
		ended := make(chan bool, 1)
		device.OnAny(func(event string, _ []json.RawMessage) {
			if event == "session-ended" {
				ended <- true
			}
		})
		if r := ask(200, "PATCH", "Users/"+id, patch(`{"op":"Replace","path":"active","value":"False"}`)); r["active"] != false {
			t.Fatal(r)
		}
		<-ended
		if got := b.travel("sign-in", "ana"); !strings.HasPrefix(got, "oidc-error=") {
			t.Fatal(got)
		}
		if r := ask(200, "PATCH", "Users/"+id, patch(`{"op":"replace","value":{"active":true,"displayName":"Ana R.","urn:ietf:params:scim:schemas:core:2.0:User:title":"x"}}`)); r["active"] != true || r["displayName"] != "Ana R." {
			t.Fatal(r)
		}
		if r := ask(200, "PUT", "Users/"+id, `{"userName":"ana.ruiz","externalId":"e-2","displayName":"Ana"}`); r["userName"] != "ana.ruiz" || r["externalId"] != "e-2" || r["active"] != true {
			t.Fatal(r)
		}
		for _, ops := range []string{`{"op":"steal","path":"active","value":true}`, `{"op":"replace","path":"active","value":"maybe"}`, `{"op":"remove","path":"active"}`, `{"op":"replace","value":[]}`, ``} {
			ask(400, "PATCH", "Users/"+id, patch(ops))
		}
		ask(400, "PATCH", "Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)

		// Groups are roles. Nobody becomes an owner by them, and no owner less.
		member := func(id string) string { return `{"op":"add","path":"members","value":[{"value":"` + id + `"}]}` }
		ask(200, "PATCH", "Groups/admin", patch(member(id)))
		if r := ask(200, "GET", "Groups/admin", ""); !strings.Contains(fmt.Sprint(r["members"]), id) {
			t.Fatal(r)
		}
		ask(200, "PATCH", "Groups/moderator", patch(`{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)) // they are no moderator
		if r := ask(200, "GET", "Users/"+id, ""); !strings.Contains(fmt.Sprint(r["roles"]), "admin") {
			t.Fatal(r)
		}
		ask(200, "PATCH", "Groups/admin", patch(`{"op":"replace","path":"members","value":[]}`))
		if r := ask(200, "GET", "Users/"+id, ""); !strings.Contains(fmt.Sprint(r["roles"]), "member") {
			t.Fatal(r)
		}
		ask(404, "PATCH", "Groups/owner", patch(member(id)))
		ask(403, "PATCH", "Groups/member", patch(member(rootID)))
		ask(403, "PATCH", "Users/"+rootID, patch(`{"op":"replace","path":"active","value":false}`))
		ask(403, "DELETE", "Users/"+rootID, "")
		ask(404, "GET", "Users/none", "")
		ask(404, "GET", "Users/"+strings.Repeat("x", 500), "")
		ask(404, "GET", "Nothing", "")
		if r := ask(200, "GET", "Groups", ""); r["totalResults"] != 3.0 {
			t.Fatal(r)
		}

		// Who is gone is gone; somebody new who is called the same is somebody else.
		ask(204, "DELETE", "Users/"+id, "")
		ask(404, "GET", "Users/"+id, "")
		again := ask(201, "POST", "Users", `{"userName":"ana.ruiz","emails":[{"value":"ana@office.test"}]}`)
		if again["id"] == id {
			t.Fatal(again)
		}
		tokens := s.admin("scim-tokens")
		if strings.Contains(tokens, token) || !strings.Contains(tokens, "the office") || strings.Contains(dump(t, s, "service_tokens"), token) {
			t.Fatal(tokens)
		}
		s.admin("scim-revoke", strings.Fields(tokens)[0])
		ask(401, "GET", "Users", "")
	})
}

// No route is anybody's but of who has a token for it: not a session's, not a cookie's.
func TestProvisioningNeedsItsOwnToken(t *testing.T) {
	s := start(t, "--rate-limit=off")
	_, owner := s.account("root")
	session := owner["token"].(string)
	routes := [][2]string{
		{"GET", "ServiceProviderConfig"}, {"GET", "Users"}, {"POST", "Users"}, {"GET", "Users/x"}, {"PUT", "Users/x"}, {"PATCH", "Users/x"}, {"DELETE", "Users/x"},
		{"GET", "Groups"}, {"GET", "Groups/admin"}, {"PATCH", "Groups/admin"}, {"GET", "Nothing"},
	}
	for _, route := range routes {
		for _, token := range []string{"", session, "scim-" + session, "x y", strings.Repeat("x", 5000)} {
			if status, r := s.scim(token, route[0], route[1], "{}"); status != 401 {
				t.Errorf("%v with %.10q: %d %v", route, token, status, r)
			}
		}
		if status, r := s.scim("", route[0], route[1], "{}", "Cookie", "parley="+session); status != 401 {
			t.Errorf("%v with a cookie: %d %v", route, status, r)
		}
	}
	slow := start(t, "--sign-in-limit=1/h")
	for i := range 3 {
		if status, _ := slow.scim("guess", "GET", "Users", ""); (status == 429) != (i > 0) {
			t.Errorf("guess %d: %d", i+1, status)
		}
	}
	big := s.admin("scim-token", "big")
	if status, r := s.scim(big, "POST", "Users", `{"userName":"`+strings.Repeat("x", 300<<10)+`"}`); status != 400 {
		t.Errorf("%d %v", status, r)
	}
}
