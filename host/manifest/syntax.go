package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName  = 64
	maxText  = 256
	maxItems = 128 // in any list or map of the schema
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// isName accepts 1 to 64 of a-z, 0-9 and "-".
func isName(s string) bool {
	return len(s) >= 1 && len(s) <= maxName && only(s, "-")
}

// only reports whether s consists of a-z, 0-9 and the bytes of more.
func only(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// isRole accepts name/vN, N without leading zero.
func isRole(s string) bool {
	name, version, ok := strings.Cut(s, "/v")
	return ok && isName(name) && isCounter(version) && version != "0"
}

// isInterface accepts namespace:name/vN.
func isInterface(s string) bool {
	ns, rest, ok := strings.Cut(s, ":")
	return ok && isName(ns) && isRole(rest)
}

// isCounter accepts a decimal number without leading zeros, of at most 9 digits.
func isCounter(s string) bool {
	if s == "" || len(s) > 9 || len(s) > 1 && s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// isSemver accepts a semantic version 2.0.0 without a leading "v".
func isSemver(s string) bool {
	if len(s) > maxText {
		return false
	}
	s, build, hasBuild := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) != 3 || !isCounter(parts[0]) || !isCounter(parts[1]) || !isCounter(parts[2]) {
		return false
	}
	return (!hasPre || identifiers(pre, true)) && (!hasBuild || identifiers(build, false))
}

// identifiers accepts the dot-separated parts after "-" (where numbers have no leading zeros) or "+" of a version.
func identifiers(s string, prerelease bool) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || !isASCII(part) || !only(strings.ToLower(part), "-") {
			return false
		}
		if prerelease && len(part) > 1 && part[0] == '0' && strings.Trim(part, "0123456789") == "" {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// isText accepts 1 to 256 bytes of printable characters.
func isText(s string) bool {
	return s != "" && len(s) <= maxText && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// quote shows a string that a stranger wrote: escaped and cut.
func quote(s string) string {
	if len(s) > maxName {
		return fmt.Sprintf("%s… (%d bytes)", strconv.QuoteToASCII(s[:maxName]), len(s))
	}
	return strconv.QuoteToASCII(s)
}
