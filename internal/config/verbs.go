package config

import (
	"io"

	"github.com/alecthomas/kong"
)

// Database is where the data is, for the verbs besides serve.
type Database struct {
	URL  string `env:"DATABASE_URL" name:"database-url" default:"" help:"Database: postgres://user:password@host/name, or sqlite:FILE. Unset: an SQLite file in PARLEY_DATA."`
	Data string `env:"PARLEY_DATA" default:"./data" help:"Folder of the embedded database."`
}

// ParseVerb reads the arguments of a verb into a struct of kong's, and returns which command of it was chosen. With --help it prints
// them to out and returns [ErrHelp].
func ParseVerb(name, description string, into any, args []string, out io.Writer) (command string, err error) {
	helped := false
	k, err := kong.New(into, kong.Name(name), kong.Writers(out, out), kong.Exit(func(int) { helped = true }), kong.Description(description))
	if err != nil {
		return "", err
	}
	ignoreEmptyVariables(k.Model)
	chosen, err := k.Parse(args)
	if helped {
		return "", ErrHelp
	}
	if err != nil {
		return "", err
	}
	return chosen.Command(), nil
}
