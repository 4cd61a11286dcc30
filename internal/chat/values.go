package chat

import (
	"strconv"
	"strings"
	"sync"

	"parley/internal/db"
)

// Statements on several rows have one of a few sizes, so that the database meets few texts. Over a network the round trips decide;
// SQLite inserts row by row as fast as several at once.
var (
	insertSizes = map[db.Dialect][]int{db.Postgres: {128, 32, 8, 1}, db.SQLite: {1}}
	querySizes  = []int{128, 32, 8, 1}
)

// chunk is the size of the next insertion when n rows are left.
func chunk(d db.Dialect, n int) int {
	for _, size := range insertSizes[d] {
		if size <= n {
			return size
		}
	}
	return 1
}

// eachChunk cuts n rows into queries of the sizes there are. The last one may have room for more rows than are left: there a row is
// repeated, which does a query no harm.
func eachChunk(n int, do func(from, n, size int) error) error {
	for from := 0; from < n; {
		size := querySizes[0]
		for _, s := range querySizes {
			if s >= n-from {
				size = s
			}
		}
		rows := min(size, n-from)
		if err := do(from, rows, size); err != nil {
			return err
		}
		from += rows
	}
	return nil
}

var valueTexts sync.Map // [2]int → string

// values is the text "($1, $2), ($3, $4)" of so many rows and columns.
func values(rows, columns int) string {
	if text, ok := valueTexts.Load([2]int{rows, columns}); ok {
		return text.(string)
	}
	var b strings.Builder
	for r := range rows {
		b.WriteString([]string{"(", ", ("}[min(r, 1)])
		for c := range columns {
			if c > 0 {
				b.WriteString(", ")
			}
			b.WriteString("$" + strconv.Itoa(r*columns+c+1))
		}
		b.WriteString(")")
	}
	valueTexts.Store([2]int{rows, columns}, b.String())
	return b.String()
}
