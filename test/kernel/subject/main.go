// Subject does on demand what brings a measurement to its limits, and says how often it did it.
//
// `subject` prints {"ready":true,"pid":…} and then takes a line of words on stdin and answers each with a line of JSON;
// "quit" ends it, and so does the end of stdin. `subject once` does its work, ends, and needs nobody to talk to.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const earlyCalls = 1000

// Early runs before main does.
//
//go:noinline
func Early(n int) int { return touch(n) + 1 }

var early = func() (sum int) {
	for n := 0; n < earlyCalls; n++ {
		sum += Early(n % 10)
	}
	return sum
}()

//go:noinline
func touch(n int) int { return n & 7 }

// Step is a call like most: a stack check, a frame, an argument.
//
//go:noinline
func Step(n int) int { return touch(n) + 1 }

// Nest has depth+1 calls open at its deepest.
//
//go:noinline
func Nest(depth int) int {
	if depth == 0 {
		return 0
	}
	return Nest(depth-1) + 1
}

// Fall panics with depth+1 calls open.
//
//go:noinline
func Fall(depth int) int {
	if depth == 0 {
		panic("bottom")
	}
	return Fall(depth-1) + 1
}

//go:noinline
func Catch(depth int) (reason any) {
	defer func() { reason = recover() }()
	return Fall(depth)
}

// Quit ends its goroutine with depth+1 calls open.
//
//go:noinline
func Quit(depth int) int {
	if depth == 0 {
		runtime.Goexit()
	}
	return Quit(depth-1) + 1
}

// Hold stays open until the gate opens.
//
//go:noinline
func Hold(id int, inside *sync.WaitGroup, gate <-chan struct{}) int {
	inside.Done()
	<-gate
	return id
}

//go:noinline
func Words(a, b, c, d string) int { return touch(len(a)+len(b)+len(c)+len(d)) + 1 }

var (
	gate chan struct{}
	held sync.WaitGroup
)

func hold(n int) {
	gate = make(chan struct{})
	var inside sync.WaitGroup
	inside.Add(n)
	held.Add(n)
	for id := 0; id < n; id++ {
		go func(id int) {
			Hold(id, &inside, gate)
			held.Done()
		}(id)
	}
	inside.Wait()
}

// fresh runs work on a goroutine of its own, on a stack that begins small.
func fresh(work func()) {
	done := make(chan struct{})
	go func() {
		work()
		close(done)
	}()
	<-done
}

// last runs work that is the last its goroutine does, and waits until the goroutine is gone: what is deferred runs before
// that. Meanwhile nobody else makes goroutines or ends them.
func last(work func()) {
	others := runtime.NumGoroutine()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	<-done
	for runtime.NumGoroutine() > others {
		runtime.Gosched()
	}
}

// elsewhere runs work on a thread that is not the process's first.
func elsewhere(work func()) {
	runtime.LockOSThread()
	if syscall.Gettid() == os.Getpid() {
		// This thread stays locked until the other has done.
		fresh(func() { elsewhere(work) })
		return
	}
	work()
}

// obey does what the words say and returns how often each function was called for it.
func obey(words []string) map[string]int {
	number := func(place int) int {
		n, err := strconv.Atoi(words[place])
		if err != nil {
			panic(err)
		}
		return n
	}
	switch words[0] {
	case "step": // TIMES DISTINCT
		for i := 0; i < number(1); i++ {
			Step(i % number(2))
		}
		return map[string]int{"main.Step": number(1)}
	case "crowd": // GOROUTINES FIRST END: each value once
		var crowd sync.WaitGroup
		for offset := 0; offset < number(1); offset++ {
			crowd.Add(1)
			go func(n int) {
				for ; n < number(3); n += number(1) {
					Step(n)
				}
				crowd.Done()
			}(number(2) + offset)
		}
		crowd.Wait()
		return map[string]int{"main.Step": number(3) - number(2)}
	case "threads": // TIMES CALLS: on a thread each, which ends with its goroutine
		threads := map[int]bool{}
		for i := 0; i < number(1); i++ {
			last(func() {
				runtime.LockOSThread()
				threads[syscall.Gettid()] = true
				for n := 0; n < number(2); n++ {
					Step(n % 10)
				}
			})
		}
		return map[string]int{"main.Step": number(1) * number(2), "threads": len(threads)}
	case "nest": // DEPTH
		fresh(func() { Nest(number(1) - 1) })
		return map[string]int{"main.Nest": number(1)}
	case "fall": // DEPTH
		fresh(func() { Catch(number(1) - 1) })
		return map[string]int{"main.Fall": number(1), "main.Catch": 1}
	case "quit": // TIMES DEPTH
		for i := 0; i < number(1); i++ {
			last(func() { Quit(number(2) - 1) })
		}
		return map[string]int{"main.Quit": number(1) * number(2)}
	case "hold": // GOROUTINES
		hold(number(1))
		return map[string]int{"main.Hold": number(1)}
	case "free":
		close(gate)
		held.Wait()
		return map[string]int{}
	case "words": // TIMES
		for i := 0; i < number(1); i++ {
			word := func(n int) string { return fmt.Sprint("word", i>>n&1) }
			Words(word(0), word(1), word(2), strings.Repeat(word(3), 20))
		}
		return map[string]int{"main.Words": number(1)}
	case "hostile":
		return hostile()
	case "exec": // FILE ARG…
		go elsewhere(func() { panic(syscall.Exec(words[1], words[1:], os.Environ())) })
		select {}
	}
	panic("unknown words: " + strings.Join(words, " "))
}

// once is a whole life: calls, stdin to stdout, an end of the wanted kind.
func once(args []string) {
	flags := flag.NewFlagSet("once", flag.ExitOnError)
	calls := flags.Int("calls", 0, "calls of Step")
	status := flags.Int("status", 0, "exit status")
	signal := flags.Int("signal", 0, "signal to end by")
	environment := flags.Bool("environment", false, "print the environment, each variable with a NUL behind it")
	pause := flags.Duration("pause", 0, "time before the end")
	flags.Parse(args)
	for i := 0; i < *calls; i++ {
		Step(i % 10)
	}
	if *environment {
		fmt.Print(strings.Join(os.Environ(), "\x00"))
	}
	fmt.Fprintln(os.Stderr, "to stderr")
	io.Copy(os.Stdout, os.Stdin)
	time.Sleep(*pause)
	if *signal != 0 {
		syscall.Kill(os.Getpid(), syscall.Signal(*signal))
		select {}
	}
	os.Exit(*status)
}

func say(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", line)
}

func main() {
	debug.SetMaxStack(1 << 30)
	if len(os.Args) > 1 && os.Args[1] == "once" {
		once(os.Args[2:])
	}
	say(map[string]any{"ready": true, "pid": os.Getpid(), "early": early})
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() && input.Text() != "quit" {
		say(obey(strings.Fields(input.Text())))
	}
}
