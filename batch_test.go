package license_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/privatepkgs/license"
)

func TestPrepareBatchFillsEveryLicense(t *testing.T) {
	t.Parallel()
	batch := []*license.License{
		{Constraint: license.NoConstraint(), Packages: []string{"toy"}},
		{Constraint: license.NoConstraint(), Packages: []string{"toy"}, Key: "GIVEN"},
	}
	now := time.UnixMilli(5).UTC()
	require.NoError(t, license.PrepareBatch(batch, now))
	for _, l := range batch {
		assert.NotEqual(t, uuid.Nil, l.ID)
		assert.NotEmpty(t, l.Key)
		assert.Equal(t, now, l.CreatedAt)
		assert.EqualValues(t, 1, l.Revision)
	}
	assert.Equal(t, "GIVEN", batch[1].Key)
	require.NoError(t, license.PrepareBatch(nil, now))
}

func TestPrepareBatchSaysWhichLicenseIsNotValid(t *testing.T) {
	t.Parallel()
	good := license.License{Constraint: license.NoConstraint(), Packages: []string{"toy"}}
	bad := good
	bad.Packages = []string{"toy", "with space"}
	bad.Name = "\xff"
	err := license.PrepareBatch([]*license.License{good.Clone(), &bad, {}}, time.UnixMilli(5))
	var invalid *license.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, 2)
	assert.Equal(t, "/1/name", invalid.Problems[0].Pointer)
	assert.Equal(t, "/1/packages/1", invalid.Problems[1].Pointer)
	assert.Zero(t, bad.ID)
}
