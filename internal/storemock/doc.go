// Package storemock is a gomock mock of [license.Store], for tests that need a store to
// fail. It is generated: run go generate in this folder after a change of the interface.
package storemock

//go:generate go tool -modfile=../../tools/go.mod mockgen -source=../../store.go -destination=storemock.go -package=storemock -mock_names=Store=Store -write_package_comment=false
