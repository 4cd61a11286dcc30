package socketio

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var jsonSamples = []string{
	`[]`, `[1]`, `["a",{"b":[1,2,{"c":null}]},true]`, ` [ 1 , 2 ] `, `[1,]`, `[,1]`, `[`, `]`, `{}`, `"x"`, `[01]`, `[-]`, `[1.]`, `[.5]`, `[1e]`, `[1e+5]`,
	`[-0]`, `[-0.5E-3]`, `["\u00e9"]`, `["\u00g9"]`, `["\x"]`, "[\"\n\"]", `["a"b]`, `[tru]`, `[nul]`, `[false]`, `[{"a":1,}]`, `[{"a"}]`, `[{a:1}]`, `[1] x`,
	`[{"a":1,"a":2}]`, `["\ud83d\ude00"]`, "[\"\xff\"]", `[1 2]`, `[[[[]]]]`, ``, ` `, `[{}{}]`, `["\\"]`, `["\"]`,
}

// The scanner accepts what encoding/json accepts, and cuts arrays where it does.
func checkAgainstLibrary(t *testing.T, s string) {
	t.Helper()
	if got, want := validJSON([]byte(s)), json.Valid([]byte(s)); got != want && strings.Count(s, "[")+strings.Count(s, "{") < maxDepth {
		t.Errorf("validJSON(%q) = %v, the library says %v", s, got, want)
	}
	elements, err := splitArray(nil, []byte(s))
	var want []json.RawMessage
	if json.Unmarshal([]byte(s), &want) != nil || strings.TrimSpace(s) == "null" {
		if err == nil {
			t.Errorf("splitArray(%q) accepted", s)
		}
		return
	}
	if err != nil && strings.Count(s, "[")+strings.Count(s, "{") >= maxDepth {
		return
	}
	if err != nil || len(elements) != len(want) {
		t.Errorf("splitArray(%q) = %q, %v", s, elements, err)
		return
	}
	for i := range want {
		if string(elements[i]) != strings.TrimSpace(string(want[i])) {
			t.Errorf("splitArray(%q)[%d] = %q, want %q", s, i, elements[i], want[i])
		}
	}
}

func TestJSONScanner(t *testing.T) {
	for _, s := range jsonSamples {
		checkAgainstLibrary(t, s)
	}
}

func FuzzJSONScanner(f *testing.F) {
	for _, s := range jsonSamples {
		f.Add(s)
	}
	f.Fuzz(checkAgainstLibrary)
}

func TestDeepJSONIsRefused(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		deep := strings.Repeat(open, 100_000)
		if _, err := splitArray(nil, []byte("["+deep)); err == nil {
			t.Error("accepted")
		}
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\t\x00", "é😀", "\xff\xfe", "a\u2028b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back != want {
			t.Fatalf("%q became %q", s, back)
		}
	})
}
