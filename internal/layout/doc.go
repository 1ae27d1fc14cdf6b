// Package layout holds tests only: that imports go one way, that every package says what it
// is for, and that every dependency is accounted for.
package layout
