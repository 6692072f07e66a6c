// Closures calls function literals and method values, and says how often each was called with which captured values.
//
// `closures` prints {"ready":true,"pid":…}, does its work for every line on stdin but "quit", and answers each with a line of
// JSON: calls by the name of the function that made the closure, the captured expression, and its value.
package main

import (
	"bufio"
	"encoding/json"
	"os"
)

var calls = map[string]map[string]map[string]int{}

// Note is told before the call what the closure will find.
func note(maker, expression string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	byExpression := calls[maker]
	if byExpression == nil {
		byExpression = map[string]map[string]int{}
		calls[maker] = byExpression
	}
	if byExpression[expression] == nil {
		byExpression[expression] = map[string]int{}
	}
	byExpression[expression][string(text)]++
}

//go:noinline
func spread(n int) int { return n & 1 }

//go:noinline
func narrow(n int8) int { return int(n) }

//go:noinline
func sized(s string) int { return len(s) }

type order struct {
	id   int
	name string
}

// Numbers captures by value.
//
//go:noinline
func numbers(base int, small int8) func(int) int {
	return func(n int) int { return base + n + spread(base) + narrow(small) + narrow(small+1) }
}

// Texts captures a string, and a pointer to a struct.
//
//go:noinline
func texts(name string, o *order) func(int) int {
	return func(n int) int {
		shown, kept := name, o
		return sized(shown) + n + sized(kept.name) + sized(shown) + kept.id
	}
}

// Totals captures by reference: a number, and a struct that fits into registers.
//
//go:noinline
func totals(start int) (func(int) int, *int) {
	total := start
	last := order{start, "first"}
	return func(n int) int {
		total += n
		last.id = total
		last.name = "later"
		return spread(total) + last.id + sized(last.name)
	}, &total
}

// Deep needs more stack than a new goroutine has, so that its first instructions run twice.
//
//go:noinline
func deep(level int) func(int) int {
	return func(n int) int {
		var room [8192]byte
		for i := range room {
			room[i] = byte(n + i)
		}
		return spread(int(room[n&8191])) + level + spread(level)
	}
}

// Instance is of a generic function, whose closures carry its dictionary.
//
//go:noinline
func instance[T any](list []T, weight int) func(int) int {
	return func(n int) int {
		var one any = list[n%len(list)]
		if one == nil {
			return 0
		}
		return weight + spread(weight) + len(list)
	}
}

type counter struct {
	n    int
	name string
}

//go:noinline
func (c *counter) Add(k int) int { c.n += k; return c.n }

//go:noinline
func (c counter) Show(k int) int { return c.n + k + sized(c.name) }

//go:noinline
func call(f func(int) int, n int) int { return f(n) }

func fresh(f func(int) int, n int) {
	done := make(chan int)
	go func() { done <- f(n) }()
	<-done
}

func work() {
	for i := 0; i < 60; i++ {
		f := numbers(i%4*1000, int8(-i%3))
		note("numbers", "base", i%4*1000)
		note("numbers", "small", -i%3)
		call(f, i)

		names := []string{"", "one", "another"}
		g := texts(names[i%3], &order{i % 5, "x"})
		note("texts", "name", names[i%3])
		note("texts", "o.id", i%5)
		note("texts", "len(name)", len(names[i%3]))
		call(g, i)

		h, total := totals(i % 2)
		for k := 0; k < 3; k++ {
			note("totals", "total", *total)
			note("totals", "last.name", map[bool]string{true: "first", false: "later"}[k == 0])
			call(h, 1)
		}

		note("deep", "level", i%7)
		fresh(deep(i%7), i)

		note("instance", "weight", i%3)
		note("instance", "weight", i%4)
		call(instance([]int{1, 2}, i%3), i)
		call(instance([]string{"a"}, i%4), i)

		c := &counter{i % 6, "c"}
		note("(*counter).Add-fm", "c.n", i%6)
		call(c.Add, 1)
		d := counter{i % 2, "dd"}
		note("counter.Show-fm", "c.n", i%2)
		note("counter.Show-fm", "c.name", "dd")
		call(d.Show, 1)
	}
}

func main() {
	answer := json.NewEncoder(os.Stdout)
	answer.Encode(map[string]any{"ready": true, "pid": os.Getpid()})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "quit" {
		calls = map[string]map[string]map[string]int{}
		work()
		answer.Encode(calls)
	}
}
