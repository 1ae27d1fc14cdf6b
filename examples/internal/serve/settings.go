package serve

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/privatepkgs/license/httpapi"
	"github.com/privatepkgs/license/memstore"
)

// TokensVariable is the environment variable that holds the API tokens.
const TokensVariable = "LICENSE_API_TOKENS"

// Settings are those that every program has.
type Settings struct {
	Addr   string
	DB     string // for [OpenStore]
	Tokens []string
	Fresh  bool // the only token was made for this run
}

// Parse reads the settings, and whatever other flags are defined on flags. It returns
// [flag.ErrHelp] when help was asked for. No error holds a token.
func Parse(flags *flag.FlagSet, args []string, getenv func(string) string) (Settings, error) {
	var s Settings
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:8080", "")
	flags.StringVar(&s.DB, "db", "licenses.db", "")
	if err := flags.Parse(args); err != nil {
		return Settings{}, err
	}
	if flags.NArg() > 0 {
		return Settings{}, fmt.Errorf("there are flags only, and %q is none", flags.Arg(0))
	}
	if s.Addr == "" {
		return Settings{}, errors.New("-addr must not be empty")
	}
	tokens := getenv(TokensVariable)
	if tokens == "" {
		s.Tokens, s.Fresh = []string{rand.Text()}, true
		return s, nil
	}
	s.Tokens = strings.Split(tokens, ",")
	// Asked of a handler that is thrown away, so that a bad token stops the program before it
	// has made a database.
	if _, err := httpapi.New(memstore.New(memstore.Options{}), httpapi.Options{Tokens: s.Tokens}); err != nil {
		return Settings{}, fmt.Errorf("%s, whose tokens are separated by commas, cannot be used: %w", TokensVariable, err)
	}
	return s, nil
}

// Authorization returns the words that give curl a token, for a shell, and where that shell is. A
// token that was configured is not shown: the words take it from the variable.
func (s Settings) Authorization() (words, where string) {
	if s.Fresh {
		return "'Authorization: Bearer " + s.Tokens[0] + "'", "from another terminal"
	}
	return `"Authorization: Bearer ${` + TokensVariable + `%%,*}"`, "from a terminal in which " + TokensVariable + " is set"
}

// AboutTokens says where the API tokens are from, without showing one that was configured.
func (s Settings) AboutTokens() string {
	if s.Fresh {
		return s.Tokens[0] + " (made for this run; set " + TokensVariable + " to choose your own)"
	}
	return fmt.Sprintf("%d, from %s", len(s.Tokens), TokensVariable)
}
