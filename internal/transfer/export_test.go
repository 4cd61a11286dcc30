package transfer

// Undecided are the tables that an export has not been told about.
func Undecided(names []string) (out []string) {
	for _, name := range names {
		if _, known := tables[name]; !known {
			out = append(out, name)
		}
	}
	return out
}
