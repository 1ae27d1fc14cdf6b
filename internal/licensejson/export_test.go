package licensejson

// PlainKey and AnyKey are the two ways to decode a key.
var (
	PlainKey = plainKey
	AnyKey   = anyKey
)
