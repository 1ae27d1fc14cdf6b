package license

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConstraintsDescribeThemselves(t *testing.T) {
	t.Parallel()
	until := time.UnixMilli(1697095609643).UTC()
	version, err := VersionConstraint(" <2.0.0 ")
	require.NoError(t, err)
	tests := []struct {
		c     Constraint
		typ   ConstraintType
		until time.Time
		rng   string
		text  string
		json  string
	}{
		{Constraint{}, "", time.Time{}, "", "invalid", "null"},
		{NoConstraint(), ConstraintNone, time.Time{}, "", "none", `{"type":"none"}`},
		{DateConstraint(until.Add(999_999).In(time.FixedZone("", 3600))), ConstraintDate, until, "", "until 2023-10-12T07:26:49.643Z", `{"type":"date","value":1697095609643}`},
		{version, ConstraintVersion, time.Time{}, " <2.0.0 ", "versions  <2.0.0 ", `{"type":"version","value":" <2.0.0 "}`},
	}
	for _, test := range tests {
		assert.Equal(t, test.typ, test.c.Type())
		assert.Equal(t, test.until, test.c.Until())
		assert.Equal(t, test.rng, test.c.Range())
		assert.Equal(t, test.text, test.c.String())
		assert.Equal(t, test.json, string(test.c.AppendJSON(nil)))
		if test.typ == "" {
			_, err := test.c.MarshalJSON()
			require.Error(t, err)
			continue
		}
		var back Constraint
		require.NoError(t, json.Unmarshal([]byte(test.json), &back))
		assert.Equal(t, test.c, back)
		written, err := test.c.MarshalJSON()
		require.NoError(t, err)
		assert.Equal(t, test.json, string(written))
	}
}

func TestConstraintJSONIsStrict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json string
		want []string // nil: accepted
	}{
		{` { "type" : "none" } `, nil},
		{`{"type":"date","value":0}`, nil},
		{`{"type":"date","value":253402300799999}`, nil},
		{`{"value":"\u003c2","type":"version"}`, nil},

		{`null`, []string{"/constraint wrong_type"}},
		{`[]`, []string{"/constraint wrong_type"}},
		{`"none"`, []string{"/constraint wrong_type"}},
		{`{}`, []string{"/constraint/type required"}},
		{`{"value":1}`, []string{"/constraint/type required"}},
		{`{"type":null}`, []string{"/constraint/type wrong_type"}},
		{`{"type":1}`, []string{"/constraint/type wrong_type"}},
		{`{"type":""}`, []string{"/constraint/type invalid_value"}},
		{`{"type":"None"}`, []string{"/constraint/type invalid_value"}},
		{`{"type":"semver","value":"1"}`, []string{"/constraint/type invalid_value"}},
		{`{"Type":"none"}`, []string{"/constraint/Type unknown_field"}},
		{`{"type":"none","TYPE":"none","a/b":1}`, []string{"/constraint/TYPE unknown_field", "/constraint/a~1b unknown_field"}},
		{`{"type":"none","type":"date","value":5}`, []string{"/constraint/type duplicate_field"}},
		{`{"type":"date","value":5,"value":6}`, []string{"/constraint/value duplicate_field"}},
		{`{"type":"date","value":5,"\u0076alue":6}`, []string{"/constraint/value duplicate_field"}},
		{`{"type":"none","value":null}`, []string{"/constraint/value unknown_field"}},
		{`{"type":"none","value":"1"}`, []string{"/constraint/value unknown_field"}},
		{`{"type":"date"}`, []string{"/constraint/value required"}},
		{`{"type":"date","value":null}`, []string{"/constraint/value wrong_type"}},
		{`{"type":"date","value":"5"}`, []string{"/constraint/value wrong_type"}},
		{`{"type":"date","value":[5]}`, []string{"/constraint/value wrong_type"}},
		{`{"type":"date","value":5.0}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"date","value":5e3}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"date","value":-1}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"date","value":253402300800000}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"date","value":1e400}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"date","value":99999999999999999999}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"version"}`, []string{"/constraint/value required"}},
		{`{"type":"version","value":null}`, []string{"/constraint/value wrong_type"}},
		{`{"type":"version","value":2}`, []string{"/constraint/value wrong_type"}},
		{`{"type":"version","value":""}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"version","value":"latest"}`, []string{"/constraint/value invalid_value"}},
		{`{"type":"version","value":"1\ud800"}`, []string{"/constraint/value invalid_value"}},
	}
	for _, test := range tests {
		t.Run(test.json, func(t *testing.T) {
			t.Parallel()
			before := DateConstraint(time.UnixMilli(7))
			c := before
			err := json.Unmarshal([]byte(test.json), &c)
			assert.Equal(t, test.want, problems(t, err))
			assert.Equal(t, test.want != nil, c == before, "a refused constraint changes nothing")
		})
	}
	for _, text := range []string{``, `{`, `{"type":"none"}{}`, `{"type":"none"}x`} {
		require.Error(t, new(Constraint).UnmarshalJSON([]byte(text)), text)
	}
}
