// Nested makes calls within calls, and says how long they took by its own clock, which it reads outside of them: without
// probes that is the truth about them, as near as a program can know it.
//
// After {"ready":true,"pid":…} each line "WHAT SIZE TIMES" on stdin is answered by {"medianNs":…} of that many calls; "quit" ends
// it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Inner is what most of the probes are on: half a microsecond of work.
//
//go:noinline
func Inner(n int) int {
	for i := 0; i < 200; i++ {
		n = step(n)
	}
	return n
}

//go:noinline
func step(n int) int { return n*31 + 7 }

// Outer makes that many calls.
//
//go:noinline
func Outer(size int) (sum int) {
	for i := 0; i < size; i++ {
		sum += Inner(i) // a call of many
	}
	return sum
}

// Recursive has depth+1 calls open, which work each.
//
//go:noinline
func Recursive(depth int) int {
	if depth == 0 {
		return Inner(1)
	}
	return Recursive(depth-1) + Inner(depth)
}

// Failing makes that many calls, and does not return.
//
//go:noinline
func Failing(size int) int {
	if Outer(size) != 1 {
		panic("as asked")
	}
	return 1
}

//go:noinline
func Catch(size int) (reason any) {
	defer func() { reason = recover() }()
	return Failing(size)
}

var sink int

var kinds = map[string]func(size int){
	"outer":     func(size int) { sink += Outer(size) },
	"recursive": func(size int) { sink += Recursive(size) },
	"failing":   func(size int) { Catch(size) },
}

func median(times int, call func()) int64 {
	took := make([]int64, times)
	for i := range took {
		begin := time.Now()
		call()
		took[i] = time.Since(begin).Nanoseconds()
	}
	sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
	return took[times/2]
}

func main() {
	say := json.NewEncoder(os.Stdout).Encode
	say(map[string]any{"ready": true, "pid": os.Getpid()})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "quit" {
		words := strings.Fields(lines.Text())
		size, _ := strconv.Atoi(words[1])
		times, _ := strconv.Atoi(words[2])
		call := kinds[words[0]]
		if call == nil || times == 0 {
			fmt.Fprintln(os.Stderr, "nested: WHAT SIZE TIMES, of outer, recursive and failing")
			os.Exit(2)
		}
		say(map[string]any{"medianNs": median(times, func() { call(size) })})
	}
}
