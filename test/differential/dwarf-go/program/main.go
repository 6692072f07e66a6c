// What the DWARF reader is tested on: one declaration of each shape. Prints, as JSON, the layout of its own types.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"unsafe"
)

type tenant string
type celsius float64
type callback func(int) error
type ring struct {
	next  *ring
	value interface{}
}
type low struct{ a, b uint8 }
type inner struct{ Deep int64 }
type pair[K comparable, V any] struct {
	Key K
	Val V
}

type store struct {
	name    string
	tenant  tenant
	data    map[string][]byte
	byOwner map[tenant]*store
	next    *store
	low
	*inner
	send     chan<- int
	receive  <-chan string
	both     chan *store
	call     callback
	plain    func(a, b int) (string, error)
	small    [3]int16
	matrix   [2][5]low
	nothing  struct{}
	flag     bool
	heat     celsius
	ratio    float32
	complex  complex128
	value    interface{}
	err      error
	stringer fmt.Stringer
	raw      unsafe.Pointer
	word     uintptr
	anon     struct{ X, Y int }
	rings    []ring
	pair     pair[string, int]
	r        rune
	b        byte
}

var (
	counter   int
	stores    []*store
	byName    = map[string]*store{}
	flagged   bool
	functions []interface{}
)

//go:noinline
func (s *store) Lookup(owner tenant, key string, _ int, weight float64) (value []byte, err error) {
	if weight > 3 {
		return nil, errors.New("too heavy")
	}
	return s.data[key+string(owner)], nil
}

//go:noinline
func (s store) Value(a, b int) int { return len(s.name) + a*b }

//go:noinline
func (*store) BlankReceiver(other *store) int { return len(other.name) }

//go:noinline
func unnamed(int, string) (int, error) { return 1, nil }

//go:noinline
func unused(a int, b string, c []int, d bool) (int, string) { return 1, "" }

//go:noinline
func many(a int8, b int16, c int32, d int64, e uint8, f uint16, g uint32, h uint64, i uintptr, j float32, k complex64, l [2]int, m struct{ X, Y int }) (r int, _ string) {
	return int(a) + int(d), ""
}

//go:noinline
func variadic(format string, args ...interface{}) string { return fmt.Sprintf(format, args...) }

//go:noinline
func deferred(a, b int) (c int, err error) {
	defer func() {
		if recover() != nil {
			c++
		}
	}()
	return a / b, nil
}

//go:noinline
func twice(file *os.File) (int, error) {
	defer func() { counter++ }()
	return file.WriteString("")
}

func blanks(a int, _ string, b int, c []int) (int, string)            { return b + 1, "" }
func someNamed(a int, b string, c float64) (x int, _ error, z string) { return int(c), nil, "z" }
func reversed(c, b, a int) (z, y, x int) {
	l := a * 2
	m := b * 2
	return l, m, l + m
}
func (s *store) inlined(_ int, key string, n int) (r int) { return n + len(s.name) }
func (low) blankValue(z int, y int) int                   { return y }

func small(x int) int     { return x*2 + 1 }
func small2(x, y int) int { return small(x) + small(y) }

//go:noinline
func sum[T int | float64 | string](xs []T) (total T) {
	for _, x := range xs {
		total += x
	}
	return total
}

//go:noinline
func (p *pair[K, V]) Set(key K, value V) { p.Key, p.Val = key, value }

//go:noinline
func closure(n int) func(int) int {
	base := n
	return func(m int) int { base += m + n; return base }
}

func main() {
	functions = []interface{}{blanks, someNamed, reversed, (*store).inlined, low.blankValue, small, small2}
	s := &store{}
	stores = append(stores, s)
	n := len(os.Args)
	fmt.Fprintln(os.Stderr, n, flagged, byName, counter)
	fmt.Fprint(os.Stderr, fmt.Sprint(s.Lookup("a", "b", n, 1)), s.Value(n, 2), s.BlankReceiver(s))
	fmt.Fprint(os.Stderr, fmt.Sprint(unnamed(n, "")), fmt.Sprint(unused(n, "", nil, true)), variadic("%d", n))
	fmt.Fprint(os.Stderr, fmt.Sprint(many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, [2]int{}, struct{ X, Y int }{})))
	fmt.Fprint(os.Stderr, fmt.Sprint(deferred(n, 1)), small(n), small2(n, 3), sum([]int{n}), sum([]string{""}), sum([]float64{1}))
	(&pair[string, int]{}).Set("a", n)
	(&pair[int, tenant]{}).Set(n, "b")
	fmt.Fprint(os.Stderr, closure(n)(4), fmt.Sprint(twice(os.Stderr)), fmt.Sprint(s.inlined(n, "", 2)), low{}.blankValue(n, 2))
	layouts := map[string]interface{}{}
	for _, t := range []interface{}{store{}, ring{}, low{}, inner{}, pair[string, int]{}, celsius(0), tenant("")} {
		layouts[reflect.TypeOf(t).String()] = layout(reflect.TypeOf(t), 3)
	}
	json.NewEncoder(os.Stdout).Encode(layouts)
}

type shape struct {
	Kind    string  `json:"kind"`
	Size    uintptr `json:"size"`
	Length  int     `json:"length,omitempty"`
	Signed  bool    `json:"signed,omitempty"`
	Empty   bool    `json:"empty,omitempty"`
	Key     *shape  `json:"key,omitempty"`
	Element *shape  `json:"element,omitempty"`
	Fields  []field `json:"fields,omitempty"`
}

type field struct {
	Name     string  `json:"name"`
	Offset   uintptr `json:"offset"`
	Embedded bool    `json:"embedded"`
	Type     *shape  `json:"type"`
}

// layout describes a type as reflection sees it, `depth` references deep.
func layout(t reflect.Type, depth int) *shape {
	s := &shape{Size: t.Size()}
	element := func() {
		if depth > 0 {
			s.Element = layout(t.Elem(), depth-1)
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		s.Kind = "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.Kind, s.Signed = "int", true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s.Kind = "int"
	case reflect.Float32, reflect.Float64:
		s.Kind = "float"
	case reflect.Complex64, reflect.Complex128:
		s.Kind = "complex"
	case reflect.String:
		s.Kind = "string"
	case reflect.UnsafePointer:
		s.Kind = "opaque-pointer"
	case reflect.Func:
		s.Kind = "func"
	case reflect.Interface:
		s.Kind, s.Empty = "interface", t.NumMethod() == 0
	case reflect.Ptr:
		s.Kind = "pointer"
		element()
	case reflect.Slice:
		s.Kind = "slice"
		element()
	case reflect.Array:
		s.Kind, s.Length = "array", t.Len()
		element()
	case reflect.Chan:
		s.Kind = "chan"
		element()
	case reflect.Map:
		s.Kind = "map"
		if depth > 0 {
			s.Key = layout(t.Key(), depth-1)
		}
		element()
	case reflect.Struct:
		s.Kind = "struct"
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			s.Fields = append(s.Fields, field{f.Name, f.Offset, f.Anonymous, layout(f.Type, depth)})
		}
	}
	return s
}
