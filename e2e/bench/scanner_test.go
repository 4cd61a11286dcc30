package main

import (
	"fmt"
	"strings"
	"testing"
)

func serverFrame(text string) string {
	if len(text) < 126 {
		return string([]byte{0x81, byte(len(text))}) + text
	}
	return string([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}) + text
}

// However the bytes are cut, every frame is seen once, with its beginning.
func TestScanner(t *testing.T) {
	texts := []string{"2", `42["new-message",{}]`, "", strings.Repeat("x", 125), strings.Repeat("y", 126), strings.Repeat("z", 3000), "430[]"}
	stream := ""
	for _, text := range texts {
		stream += serverFrame(text)
	}
	for size := 1; size <= len(stream); size += 13 {
		var s scanner
		var got []string
		for at := 0; at < len(stream); at += size {
			s.scan([]byte(stream[at:min(at+size, len(stream))]), func(head []byte) { got = append(got, string(head)) })
		}
		if len(got) != len(texts) {
			t.Fatalf("pieces of %d: %d frames", size, len(got))
		}
		for i, head := range got {
			if want := texts[i][:min(len(texts[i]), headBytes)]; head != want {
				t.Fatalf("pieces of %d, frame %d: %q", size, i, head)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	if m := median([]float64{3, 1, 2}); m != 2 {
		t.Fatal(m)
	}
	if c := column(scenario{figures: []string{"a", "b"}}, []float64{1, 2, 3, 4}, 1); fmt.Sprint(c) != "[2 4]" {
		t.Fatal(c)
	}
}
