// Types of every kind, with and without names, as parameters, results and receivers. Methods are chosen by reflection, so
// the linker keeps all that are exported, with their types. Prints them as reflection has them: a line of JSON a method.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unsafe"
)

// Receivers that an interface holds as they are, and others whose address it holds.
type (
	Number   int16
	Table    map[string][]Number
	Pipe     chan<- *Table
	Callback func(...string) (Number, error)
	Single   struct{ only *Table }
	Pointers [1]*Number
	Row      [3]Number
	List     []Row
	Text     string
	Ratio    float32
	Plane    complex64
	Flag     bool
	Raw      unsafe.Pointer
	Word     uintptr
	Nothing  struct{}
	Cyclic   struct {
		next  *Cyclic
		peers []Cyclic
		named map[Text]*Cyclic
		via   func(Cyclic) Cyclic
	}
	Box[T any]            struct{ held T }
	Pair[K, V comparable] struct {
		Key   K
		Value V
	}
	closer interface {
		Close() error
		secret(Text) bool
	}
	Outer struct {
		Number
		*Cyclic
		fmt.Stringer
		tagged int "json:\"a\\b\""
		_      [2]byte
	}
)

func (n Number) Kinds(a int8, b int16, c int32, d int64, e uint8, f uint16, g uint32, h uint64, i int, j uint, k uintptr) bool {
	return n > 0
}
func (n *Number) Floats(a float32, b float64, c complex64, d complex128) (x float32, y complex128) {
	return
}
func (t Table) Lists(a []string, b [2][]int, c map[Text]chan int, d ...Row) (Table, []Row) {
	return t, d
}
func (p Pipe) Channels(a <-chan int, b chan<- int, c chan (<-chan int), d <-chan (chan<- Text)) {}
func (c Callback) Functions(a func(), b func(int, ...any) (string, error), d Callback)          {}
func (s Single) Structs(a struct{}, b struct {
	A int
	b Text
	Outer
}, c *struct{ *Cyclic }) {
}
func (p Pointers) Interfaces(a any, b error, c closer, d interface {
	error
	hidden(int) Number
}, e interface{ M(func(Text)) }) {
}
func (r Row) Unsafe(a unsafe.Pointer, b Raw, c **Raw) Row { return r }
func (l List) Blank(_ int, _ string, last bool, _ []byte) {}
func (t Text) Results() (a int, _ string, err error)      { return }
func (r Ratio) Scale(Ratio) Ratio                         { return r }
func (p Plane) Turn(float64) Plane                        { return p }
func (f Flag) Not() Flag                                  { return !f }
func (w Word) Next() Word                                 { return w + 1 }
func (Nothing) Empty(Nothing, [0]int, struct{}) Nothing   { return Nothing{} }
func (c Cyclic) Walk(to *Cyclic, seen map[*Cyclic]bool) (*Cyclic, int) {
	return c.next, len(seen)
}
func (b Box[T]) Get() T                              { return b.held }
func (b *Box[T]) Set(held T, others ...Box[T])       { b.held = held }
func (p Pair[K, V]) Swap() Pair[V, K]                { return Pair[V, K]{p.Value, p.Key} }
func (o *Outer) Long(Pair[Box[Number], Text], Outer) {}

// Private methods are kept where an interface needs them.
func (o *Outer) secret(t Text) bool { return t != "" }
func (o *Outer) Close() error       { return nil }

func local() any {
	type Local struct{ Box[struct{ A Number }] }
	return Local{}
}

//go:noinline
func ask(c closer, t Text) bool { return c.secret(t) && c.Close() == nil }

func main() {
	outer := &Outer{Stringer: &strings.Builder{}}
	values := []any{
		Number(1), new(Number), Table{}, Pipe(nil), Callback(nil), Single{}, Pointers{}, Row{}, List{}, Text(""), Ratio(0),
		Plane(0), Flag(true), Word(0), Nothing{}, Cyclic{}, &Cyclic{}, Box[Number]{}, &Box[map[Text]Row]{}, &Box[*Outer]{},
		Pair[int, Text]{}, &Pair[Text, Number]{}, *outer, outer,
	}
	for _, value := range values {
		t := reflect.TypeOf(value)
		for i := 0; i < t.NumMethod(); i++ {
			line, _ := json.Marshal(map[string]string{
				"receiver": t.String(), "method": t.Method(i).Name, "type": t.Method(i).Type.String()})
			fmt.Println(string(line))
		}
	}
	for _, value := range []any{local(), struct{ *Outer }{outer}, &struct{ Number }{}} {
		if reflect.TypeOf(value).NumMethod() == 0 {
			panic("methods are promoted to types without a name too")
		}
	}
	if ask(outer, Text(strings.Join(os.Args[1:], ""))) {
		fmt.Println("asked")
	}
}
