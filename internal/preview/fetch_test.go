package preview_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/preview"
)

// site serves what a test says, and returns a fetcher that may ask it.
func site(t *testing.T, serve http.HandlerFunc) (address string, f *preview.Fetcher) {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return s.URL, preview.New(preview.Options{Timeout: 2 * time.Second, Control: only(s), MaxPageBytes: 64 << 10, MaxImageBytes: 256 << 10})
}

func page(head string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html><head>%s</head><body><title>not this</title></body></html>", head)
	}
}

func TestWhatPagesSay(t *testing.T) {
	for name, tc := range map[string]struct {
		head string
		want preview.Card
	}{
		"a title":    {"<title> A \n page &amp; more </title>", preview.Card{Title: "A page & more"}},
		"open graph": {`<title>x</title><meta property="og:title" content="Better"><meta property=og:description content=Words><meta property="og:site_name" content="Site">`, preview.Card{Title: "Better", Description: "Words", Site: "Site"}},
		"twitter":    {`<meta name="twitter:title" content="T"><meta name="Description" content="D">`, preview.Card{Title: "T", Description: "D"}},
		"too long":   {"<title>" + strings.Repeat("é", 500) + "</title>", preview.Card{Title: strings.Repeat("é", 199) + "…"}},
		"control":    {"<title>a\u202eb\u0007c</title>", preview.Card{Title: "abc"}},
		"markup":     {`<meta property="og:title" content="<script>alert(1)</script>">`, preview.Card{Title: "<script>alert(1)</script>"}},
		"broken":     {`<title>kept</title><meta property="og:title" content="`, preview.Card{Title: "kept"}},
	} {
		t.Run(name, func(t *testing.T) {
			address, f := site(t, page(tc.head))
			card, err := f.Fetch(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.URL = address
			if tc.want.Site == "" {
				tc.want.Site = "127.0.0.1"
			}
			if diff := cmp.Diff(tc.want, card); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func picture(width, height int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), 99, 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func TestPicturesAreDrawnAnew(t *testing.T) {
	address, f := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/p.png" {
			_, _ = w.Write(append(picture(960, 480), "<script>trailing</script>"...))
			return
		}
		page(`<title>with a picture</title><meta property="og:image" content="/p.png">`)(w, r)
	})
	card, err := f.Fetch(t.Context(), address)
	if err != nil || card.Image == nil {
		t.Fatalf("%+v, %v", card, err)
	}
	if card.Image.Width != 480 || card.Image.Height != 240 || bytes.Contains(card.Image.JPEG, []byte("script")) {
		t.Errorf("%d x %d", card.Image.Width, card.Image.Height)
	}
	if _, err := jpeg.Decode(bytes.NewReader(card.Image.JPEG)); err != nil {
		t.Error(err)
	}
	if card, err = f.Fetch(t.Context(), address+"/p.png"); err != nil || card.Image == nil || card.Title != "p.png" {
		t.Errorf("the picture itself: %+v, %v", card, err)
	}
}

// What is no page, or is made to hurt, costs little and gives nothing.
func TestHostilePages(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"nothing":   page(""),
		"not found": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"other type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/zip")
			_, _ = w.Write([]byte("<title>x</title>"))
		},
		"no type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = w.Write([]byte{0, 1, 2})
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			flood(w, r, "<p>no head</p>")
		},
		"endless tag": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			flood(w, r, "<meta a=")
		},
		"endless image": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			flood(w, r, "\x89PNG")
		},
		"a gzip bomb": func(w http.ResponseWriter, _ *http.Request) { bomb(w) },
		"a huge image": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(hugePNG())
		},
		"a pixel": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write(picture(1, 1))
		},
		"an svg": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/svg+xml")
			_, _ = w.Write([]byte("<svg/>"))
		},
		"headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 64<<10))
			w.WriteHeader(http.StatusOK)
		},
		"a loop":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) },
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drops": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, f := site(t, serve)
			begun := time.Now()
			if card, err := f.Fetch(t.Context(), address); err == nil {
				t.Errorf("%+v", card)
			}
			if took := time.Since(begun); took > 8*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func flood(w http.ResponseWriter, r *http.Request, piece string) {
	block := []byte(strings.Repeat(piece, 1000))
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func bomb(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	zeros := make([]byte, 1<<20)
	for range 200 {
		if _, err := z.Write(zeros); err != nil {
			return
		}
	}
	_ = z.Close()
}

// hugePNG says that it is 50,000 pixels wide and high.
func hugePNG() []byte {
	data := picture(64, 64)
	copy(data[16:24], []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50})
	return data
}

func TestACancelledFetchEnds(t *testing.T) {
	address, f := site(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Fetch(ctx, address); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzHead(f *testing.F) {
	for _, seed := range []string{"<title>x</title>", `<meta property="og:title" content="y">`, "<ti", "\xff\xfe<\x00", "<!--", "<meta name=a name=b content>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, fetcher := site(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(text))
		})
		card, err := fetcher.Fetch(t.Context(), address)
		if err == nil && len([]rune(card.Title)) > 200 {
			t.Errorf("%d characters of a title", len([]rune(card.Title)))
		}
	})
}
