// Methods whose parameters have no names, called through interfaces so that the linker keeps their types.
package main

import (
	"fmt"
	"os"
)

type reader interface {
	Read(p []byte, at int, name string) (int, error)
	Skip(count int, key string) bool
	Pair(first, second, third string) string
	Last(bool, float64, int8) uint16
}

type record struct{ label string }

//go:noinline
func (r *record) Read(_ []byte, at int, name string) (int, error) { return at + len(name) + len(r.label), nil }

//go:noinline
func (r *record) Skip(_ int, key string) bool { return key == r.label }

// Which two of three strings have names can't be told where the first is left out.
//
//go:noinline
func (r *record) Pair(_, second, third string) string { return second + r.label + third }

//go:noinline
func (*record) Last(bool, float64, int8) uint16 { return 7 }

// Its methods are wrappers around those of record.
type outer struct {
	*record
	depth int
}

type putter[T any] interface{ Put(_ int, value T) bool }

type box[T any] struct{ kept T }

//go:noinline
func (b *box[T]) Put(_ int, value T) bool { b.kept = value; return true }

func main() {
	for _, each := range []reader{&record{"a"}, outer{&record{"b"}, len(os.Args)}} {
		count, err := each.Read(nil, 1, "name")
		fmt.Println(count, err, each.Skip(1, "a"), each.Pair("", "x", "y"), each.Last(true, 1.5, 3))
	}
	for _, each := range []putter[string]{&box[string]{}} {
		fmt.Println(each.Put(1, "value"))
	}
}
