package main

import (
	"bytes"
	"os"
	"testing"
)

// What is committed is what the registry says now.
func TestGeneratedTypesAreCurrent(t *testing.T) {
	committed, err := os.ReadFile("../../../web/src/wire.gen.ts")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, generate()) {
		t.Fatal("web/src/wire.gen.ts is not what the registry of events says: run make gen")
	}
}
