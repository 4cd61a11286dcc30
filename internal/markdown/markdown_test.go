package markdown_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/markdown"
)

func TestPlain(t *testing.T) {
	for source, want := range map[string]string{
		"hello":                               "hello",
		"**bold** and _so_ ~~on~~":            "bold and so on",
		"# Title\n\ntext":                     "Title\ntext",
		"- a\n- b\n  1. c":                    "- a\n- b\n  1. c",
		"- [ ] to\n- [x] do":                  "- [ ] to\n- [x] do",
		"> a\n> b":                            "> a\n> b",
		"```go\nx := 1\n```":                  "x := 1",
		"||secret||":                          "█████",
		"[Parley](https://a.test)":            "Parley (https://a.test)",
		"https://a.test/x_y_z.":               "https://a.test/x_y_z.",
		"[x](javascript:alert(1))":            "x",
		"![cat](https://a.test/c.png)":        "cat (https://a.test/c.png)",
		"a | b\n--|--\n1 | 2":                 "a | b\n1 | 2",
		"<b>not bold</b> &amp;":               "<b>not bold</b> &amp;",
		`\*not\*`:                             "*not*",
		"hi @ana, :smile:":                    "hi @ana, :smile:",
		"见https://a.test/b_c_d。":              "见https://a.test/b_c_d。",
		strings.Repeat("> ", 20) + "too deep": strings.Repeat("> ", 20) + "too deep",
	} {
		if got := markdown.Plain(source); got != want {
			t.Errorf("%q is plainly %q, not %q", source, got, want)
		}
	}
}

func TestSearchableHasSpoilers(t *testing.T) {
	if got := markdown.Searchable("||**secret** door||"); got != "secret door" {
		t.Errorf("%q", got)
	}
}

func TestMentionsAreNotInCode(t *testing.T) {
	got := markdown.Mentions("@ana and **@bob**, `@cleo`, ||@dora||, a@eve.test\n```\n@finn\n```\n@gil.")
	if diff := cmp.Diff([]string{"ana", "bob", "dora", "gil"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLinks(t *testing.T) {
	got := markdown.Links("https://a.test, [b](http://b.test/x?y) `https://c.test` ||https://d.test|| https://a.test [j](javascript:x) <me@e.test>")
	if diff := cmp.Diff([]string{"https://a.test", "http://b.test/x?y"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHTMLHasNoElementsButItsOwn(t *testing.T) {
	got := markdown.HTML(`<img src=x onerror=alert(1)> [x](javascript:alert(1)) [y](https://a.test/"onmouseover="alert(1)) **<b>**` + " `</code>` @<i>")
	for _, bad := range []string{"<img", "href=\"javascript", `"onmouseover`, "<b>&", "</code></code>", "<i>"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in %s", bad, got)
		}
	}
	if want := `<p><strong>a</strong><br>b</p>`; markdown.HTML("**a**\nb") != want {
		t.Errorf("%s", markdown.HTML("**a**\nb"))
	}
}

// What is made to be slow is not.
func TestHostileTexts(t *testing.T) {
	for _, piece := range []string{">", "- ", "[", "![", "*a_", "`", "||", "<https://", "(https://a)", "| a ", "\\", "~~", "1. ", ":a:", "@a"} {
		source := strings.Repeat(piece, 4000/len(piece))
		begun := time.Now()
		markdown.Plain(source)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%q takes %s", piece, took)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a", "- [ ] x\n\n    y", "||a\n>b||", "```\n", "| a |\n|-|\n| `|` |", "[a]: https://b\n[a]", "@a:b:", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		source = source[:min(len(source), 4000)] // no message is longer
		nodes, size := 0, 0
		var count func([]markdown.Node)
		count = func(list []markdown.Node) {
			for _, n := range list {
				nodes++
				size += len(n.Text) + len(n.Href)
				count(n.Children)
			}
		}
		count(markdown.Parse(source))
		if nodes > 4*len(source)+4 || size > 4*len(source)+4 {
			t.Fatalf("%d nodes of %d bytes from %d bytes", nodes, size, len(source))
		}
		markdown.Plain(source)
		markdown.HTML(source)
	})
}

func BenchmarkPlain(b *testing.B) {
	for name, source := range map[string]string{"plain": "See you at ten, then", "marked": "**See** [you](https://a.test) at `ten`, _then_\n- a\n- b"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				markdown.Plain(source)
			}
		})
	}
}
