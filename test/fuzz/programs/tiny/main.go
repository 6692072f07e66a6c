// Package main is the smallest program that gives every reader something to read: the runtime alone, and one function
// for each kind of argument, inlining, generics, closures and panics.
package main

type tenant struct {
	name  string
	quota int32
	next  *tenant
}

type sized interface{ size() int }

func (t tenant) size() int { return len(t.name) }

type store struct {
	tenant
	items map[string]*tenant
	keys  []string
	ratio float64
}

//go:noinline
func (s *store) lookup(key string, limit int, strict bool) (found *tenant, err error) {
	defer func() { _ = recover() }()
	if strict && limit < len(key) {
		panic("limit")
	}
	return s.items[key], nil
}

//go:noinline
func largest[T int | string](values []T) (best T) {
	for _, value := range values {
		if value > best {
			best = value
		}
	}
	return best
}

func twice(n int) int { return n + n }

//go:noinline
func measure(of sized, by [1]int, wide [3]uint16, ratio float64, done chan bool, more ...string) (int, complex128) {
	var frame [4096]byte
	frame[by[0]&4095] = byte(wide[1])
	go func() { done <- len(more) > 0 }()
	<-done
	return twice(of.size()) + int(frame[7]), complex(ratio, 1)
}

//go:noinline
func pick(n int) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "one"
	case 2:
		return "two"
	case 3:
		return "three"
	case 4:
		return "four"
	case 5:
		return "five"
	case 6:
		return "six"
	case 7:
		return "seven"
	case 8:
		return "eight"
	}
	return "many"
}

func main() {
	first := &tenant{name: "first", quota: 1}
	s := &store{tenant: *first, items: map[string]*tenant{"a": first}, ratio: 0.5}
	found, err := s.lookup("a", 4, true)
	println(found.name, err == nil, largest([]int{1, 2}), largest([]string{"a"}), pick(len(s.keys)))
	n, c := measure(*found, [1]int{3}, [3]uint16{1, 2, 3}, s.ratio, make(chan bool), s.keys...)
	println(n, real(c))
}
