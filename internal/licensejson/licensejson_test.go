package licensejson_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
	"github.com/privatepkgs/license/internal/constraintcache"
	"github.com/privatepkgs/license/internal/licensejson"
)

const (
	id   = "0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e0f"
	full = `{"id":"` + id + `","name":"ACME","key":"K","constraint":{"type":"none"},"suspended":false,` +
		`"meta":{},"packages":["p"],"createdAt":1,"updatedAt":2}`
)

// problems lists pointers and codes of a ValidationError.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var invalid *license.ValidationError
	require.ErrorAs(t, err, &invalid)
	var list []string
	for _, p := range invalid.Problems {
		assert.NotEmpty(t, p.Detail)
		list = append(list, p.Pointer+" "+p.Code)
	}
	return list
}

func TestDecodeNewKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	l, err := licensejson.DecodeNew([]byte(` { "packages" : ["@acme/ui", "go.acme.dev/x"], "name":"a\u00e9\"\n",
		"meta" : { "b" : 9007199254740993 , "a":[ 1.0, 1e400, "x  y" ] , "é":"\u00e9"},
		"constraint":{"value":"<2.0.0","type":"version"}, "suspended":true, "key":"7K3QF-09VTX" } `))
	require.NoError(t, err)
	assert.Equal(t, "aé\"\n", l.Name)
	assert.Equal(t, "7K3QF-09VTX", l.Key)
	assert.Equal(t, "<2.0.0", l.Constraint.Range())
	assert.True(t, l.Suspended)
	assert.Equal(t, []string{"@acme/ui", "go.acme.dev/x"}, l.Packages)
	assert.Equal(t, `{"b":9007199254740993,"a":[1.0,1e400,"x  y"],"é":"\u00e9"}`, string(l.Meta))
	assert.Zero(t, l.ID)
}

func TestWhatIsDecodedSharesNoMemoryWithTheText(t *testing.T) {
	t.Parallel()
	const body = `{"name":"ACME","key":"K","constraint":{"type":"version","value":"<2.0.0"},"meta":{"a":"b"},"packages":["p"]}`
	text := []byte(body)
	l, err := licensejson.DecodeNew(text)
	require.NoError(t, err)
	clear(text)
	want, err := licensejson.DecodeNew([]byte(body))
	require.NoError(t, err)
	assert.Equal(t, want, l)

	text = []byte(`{"key":"K"}`)
	key, err := licensejson.DecodeKey(text)
	require.NoError(t, err)
	clear(text)
	assert.Equal(t, "K", key)
}

// Half a million elements fit into a body. It is not parallel, as it counts allocations.
func TestElementsBeyondTheMostPackagesAreNotKept(t *testing.T) {
	body := []byte(`{"constraint":{"type":"none"},"packages":[0` + strings.Repeat(",0", 500_000) + `]}`)
	var invalid *license.ValidationError
	allocations := testing.AllocsPerRun(1, func() {
		_, err := licensejson.DecodeNew(body)
		require.ErrorAs(t, err, &invalid)
	})
	assert.Less(t, allocations, 50_000.0)
	assert.Less(t, len(invalid.Problems), 2*license.MaxPackages)
	assert.True(t, slices.Contains(invalid.Problems, license.Problem{
		Pointer: "/packages", Code: license.CodeTooMany, Detail: "packages has too many names; at most 1000 are allowed",
	}))
}

func TestDecodeNewLeavesAnAbsentKeyToTheStore(t *testing.T) {
	t.Parallel()
	l, err := licensejson.DecodeNew([]byte(`{"constraint":{"type":"date","value":5},"packages":["p"]}`))
	require.NoError(t, err)
	assert.Empty(t, l.Key)
	assert.EqualValues(t, 5, l.Constraint.Until().UnixMilli())
}

func TestDecodeReplacementTakesBackWhatWasRead(t *testing.T) {
	t.Parallel()
	for _, body := range []string{full, strings.Replace(full, id, strings.ToUpper(id), 1)} {
		l, err := licensejson.DecodeReplacement([]byte(body), uuid.MustParse(id))
		require.NoError(t, err)
		assert.Equal(t, "ACME", l.Name)
		assert.True(t, l.CreatedAt.IsZero() && l.UpdatedAt.IsZero() && l.ID == uuid.Nil, "they change nothing")
	}
}

func TestDecodeReplacementRequiresTheWholeLicense(t *testing.T) {
	t.Parallel()
	_, err := licensejson.DecodeReplacement([]byte(`{}`), uuid.MustParse(id))
	assert.Equal(t, []string{
		"/constraint required", "/key required", "/name required", "/packages required", "/suspended required",
	}, problems(t, err))
}

func TestDecodeReplacementRefusesAnotherID(t *testing.T) {
	t.Parallel()
	_, err := licensejson.DecodeReplacement([]byte(full), uuid.MustParse("0190b6c4-9d2a-7c3e-8f41-5a6b7c8d9e00"))
	assert.Equal(t, []string{"/id invalid_value"}, problems(t, err))
}

func TestDecodeFullKeepsIDKeyAndTimes(t *testing.T) {
	t.Parallel()
	l, err := licensejson.DecodeFull([]byte(full), new(constraintcache.Cache))
	require.NoError(t, err)
	assert.Equal(t, full, string(l.AppendJSON(nil)))

	_, err = licensejson.DecodeFull([]byte(`{}`), new(constraintcache.Cache))
	assert.Equal(t, []string{
		"/constraint required", "/createdAt required", "/id required", "/key required", "/packages required",
		"/updatedAt required",
	}, problems(t, err))
}

func TestDecodeKey(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"key":"K"}`:                     "K",
		"\r\n\t {\"key\" : \" K~!\" } \n": " K~!",
		`{"key":""}`:                      "",
		`{"key":"\u004b\""}`:              `K"`,
		`{"\u006bey":"é"}`:                "é",
	} {
		key, err := licensejson.DecodeKey([]byte(body))
		require.NoError(t, err)
		assert.Equal(t, want, key)
	}
	for body, want := range map[string]string{
		`{}`:                  "/key required",
		`{"key":null}`:        "/key wrong_type",
		`{"Key":"K"}`:         "/Key unknown_field,/key required",
		`{"key":"K","x":1}`:   "/x unknown_field",
		`["K"]`:               " wrong_type",
		`{"key":"\ud800"}`:    "/key invalid_value",
		`{"key":"a","key":1}`: "/key duplicate_field",
	} {
		_, err := licensejson.DecodeKey([]byte(body))
		assert.Equal(t, want, strings.Join(problems(t, err), ","), body)
	}
}

// TestEveryProblemIsReportedOnce changes one field of a good license, or several, at a time.
func TestEveryProblemIsReportedOnce(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	cases := []struct{ body, want string }{
		{`null`, " wrong_type"},
		{`[]`, " wrong_type"},
		{`"x"`, " wrong_type"},
		{`{}`, "/constraint required,/packages required"},
		{`{"constraint":null,"packages":null}`, "/constraint wrong_type,/packages wrong_type"},
		{good(`"name":null`), "/name wrong_type"},
		{good(`"name":1`), "/name wrong_type"},
		{good(`"name":"` + long + `"`), "/name too_long"},
		{good(`"name":"\u0000"`), "/name invalid_value"},
		{good(`"name":"\ud800"`), "/name invalid_value"},
		{good(`"name":"\udc00\ud800"`), "/name invalid_value"},
		{good("\"name\":\"\xff\""), "/name invalid_value"},
		{good("\"name\":\"\xed\xa0\x80\""), "/name invalid_value"},
		{good(`"key":null`), "/key wrong_type"},
		{good(`"key":""`), "/key required"},
		{good(`"key":"a b"`), "/key invalid_value"},
		{good(`"key":"é"`), "/key invalid_value"},
		{good(`"key":"a","key":"b"`), "/key duplicate_field"},
		{good(`"key":"a b","key":"b","key":""`), "/key duplicate_field,/key invalid_value"},
		{good(`"Key":"a"`), "/Key unknown_field"},
		{good(`"ſuspended":true`), "/ſuspended unknown_field"},
		{good(`"suspended":true,"Suspended":false`), "/Suspended unknown_field"},
		{good(`"suspended":"true"`), "/suspended wrong_type"},
		{good(`"suspended":0`), "/suspended wrong_type"},
		{good(`"suspended":null`), "/suspended wrong_type"},
		{good(`"id":"` + id + `"`), "/id unknown_field"},
		{good(`"a/b~c":1,"a/b~c":2`), "/a~1b~0c duplicate_field,/a~1b~0c unknown_field"},
		{good(`"` + long + `":1`), " unknown_field"},
		{good("\"\xff\":1"), "/\ufffd unknown_field"},
		{good(`"meta":null`), "/meta wrong_type"},
		{good(`"meta":[]`), "/meta wrong_type"},
		{good(`"meta":{"a":1,"a":2}`), "/meta/a duplicate_field"},
		{good(`"meta":{"a":"\ud800"}`), "/meta/a invalid_value"},
		{good("\"meta\":{\"a\":\"\xff\"}"), "/meta invalid_value"},
		{good(`"meta":{"a":"` + strings.Repeat("x", 64<<10) + `"}`), "/meta too_long"},
		{good(`"meta":` + strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33)),
			"/meta" + strings.Repeat("/a", 32) + " too_long"},
		{`{"packages":["p"]}`, "/constraint required"},
		{constraint(`null`), "/constraint wrong_type"},
		{constraint(`"none"`), "/constraint wrong_type"},
		{constraint(`{}`), "/constraint/type required"},
		{constraint(`{"type":null}`), "/constraint/type wrong_type"},
		{constraint(`{"type":"None"}`), "/constraint/type invalid_value"},
		{constraint(`{"type":"none","value":null}`), "/constraint/value unknown_field"},
		{constraint(`{"type":"none","extra":1}`), "/constraint/extra unknown_field"},
		{constraint(`{"type":"none","type":"none"}`), "/constraint/type duplicate_field"},
		{constraint(`{"type":"date"}`), "/constraint/value required"},
		{constraint(`{"type":"date","value":null}`), "/constraint/value wrong_type"},
		{constraint(`{"type":"date","value":"1697095609643"}`), "/constraint/value wrong_type"},
		{constraint(`{"type":"date","value":1e3}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"date","value":1000.0}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"date","value":-1}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"date","value":253402300800000}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"date","value":9223372036854775808}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"version"}`), "/constraint/value required"},
		{constraint(`{"type":"version","value":2}`), "/constraint/value wrong_type"},
		{constraint(`{"type":"version","value":""}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"version","value":"latest"}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"version","value":"\ud800"}`), "/constraint/value invalid_value"},
		{constraint(`{"type":"version","value":"` + strings.Repeat(">", 513) + `"}`), "/constraint/value too_long"},
		{packages(`{}`), "/packages wrong_type"},
		{packages(`"p"`), "/packages wrong_type"},
		{packages(`[]`), "/packages required"},
		{packages(`[null]`), "/packages/0 wrong_type"},
		{packages(`["a",1,"",2,"a"]`), "/packages/1 wrong_type,/packages/2 invalid_value," +
			"/packages/3 wrong_type,/packages/4 duplicate_value"},
		{packages(`["a b","\u0000","` + long + `","\ud800","\ud800"]`), "/packages/0 invalid_value," +
			"/packages/1 invalid_value,/packages/2 too_long,/packages/3 invalid_value,/packages/4 invalid_value"},
		{packages(`[0,1,2,3,4,5,6,7,8,9,"",""]`), "/packages/0 wrong_type,/packages/1 wrong_type," +
			"/packages/2 wrong_type,/packages/3 wrong_type,/packages/4 wrong_type,/packages/5 wrong_type," +
			"/packages/6 wrong_type,/packages/7 wrong_type,/packages/8 wrong_type,/packages/9 wrong_type," +
			"/packages/10 invalid_value,/packages/11 duplicate_value,/packages/11 invalid_value"},
		{`{"name":1,"key":"","constraint":{"type":"date","value":"x"},"suspended":1,"meta":1,"packages":[""],"x":1}`,
			"/constraint/value wrong_type,/key required,/meta wrong_type,/name wrong_type," +
				"/packages/0 invalid_value,/suspended wrong_type,/x unknown_field"},
	}
	for _, c := range cases {
		_, err := licensejson.DecodeNew([]byte(c.body))
		assert.ElementsMatch(t, strings.Split(c.want, ","), problems(t, err), "%.100s", c.body)
		assert.IsNonDecreasing(t, topLevel(problems(t, err)))
	}
}

func topLevel(problems []string) []string {
	var list []string
	for _, p := range problems {
		pointer, _, _ := strings.Cut(p, " ")
		field, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
		list = append(list, field)
	}
	return list
}

func good(field string) string {
	return `{"constraint":{"type":"none"},"packages":["p"],` + field + `}`
}
func constraint(value string) string { return `{"packages":["p"],"constraint":` + value + `}` }
func packages(value string) string {
	return `{"constraint":{"type":"none"},"packages":` + value + `}`
}

func TestMalformedJSONIsReportedWithItsOffset(t *testing.T) {
	t.Parallel()
	for body, offset := range map[string]int64{
		``:                          0,
		` `:                         1,
		`{`:                         1,
		`{"name":"a"`:               11,
		full + `{}`:                 int64(len(full)),
		full + ` x`:                 int64(len(full)) + 1,
		`{"a":1,}`:                  6,
		`{"a" 1}`:                   5,
		`{"a":01}`:                  6,
		`{a:1}`:                     1,
		"\xef\xbb\xbf{}":            0,
		`{"name":"` + "\n" + `"}`:   9,
		`{"name":"\x"}`:             9,
		`{"name":nul}`:              11,
		`{"packages":["a"}`:         16,
		`{"meta":{"a":}}`:           13,
		`{"constraint":{"type"}}`:   21,
		`[`:                         1,
		`{"name":tru`:               11,
		`name=ACME`:                 1,
		strings.Repeat("[", 20_000): 10_000,
	} {
		_, err := licensejson.DecodeNew([]byte(body))
		var syntax *licensejson.SyntaxError
		if assert.ErrorAs(t, err, &syntax, "%.40q", body) {
			assert.Equal(t, offset, syntax.Offset, "%.40q %v", body, err)
			assert.NotEmpty(t, syntax.Reason)
		}
	}
}

// A body of the greatest size must not be answered by something larger.
func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	_, err := licensejson.DecodeNew([]byte("{" + strings.Repeat(`"a":0,`, 100_000) + `"b":0}`))
	assert.LessOrEqual(t, len(problems(t, err)), 1024)
	_, err = licensejson.DecodeNew([]byte(packages("[0" + strings.Repeat(`,0`, 500_000) + "]")))
	assert.LessOrEqual(t, len(problems(t, err)), 1024)
}
