// Pace calls one function as fast as it can, and says how much of its own CPU time it lost meanwhile, so that what probes
// cost it is known without them: a batch of calls that a probe slows takes many times what it usually takes, whatever else
// the machine does, because the clock is that of the thread.
//
// After {"ready":true} each "burst MS" is answered by {"windows":[[NS,CALLS,CPU,LOST],…]}, one for each ten milliseconds:
// CLOCK_MONOTONIC at its end, calls, nanoseconds of CPU time, and those of them that slow batches took beyond the usual.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

const (
	batchCalls = 100
	slow       = 10
	windowNs   = 10_000_000

	clockMonotonic = 1
	clockThread    = 3
)

//go:noinline
func Work(n int) int {
	return step(n&15) + 1
}

//go:noinline
func step(n int) int { return n }

func clock(id uintptr) int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

var (
	sink int
	last int64
)

// batch returns the CPU time since the last one.
func batch() int64 {
	for i := 0; i < batchCalls; i++ {
		sink += Work(i)
	}
	now := clock(clockThread)
	took := now - last
	last = now
	return took
}

// findUsual returns the CPU time of a batch that nothing disturbs.
func findUsual() int64 {
	usual := batch()
	for i := 0; i < 10_000; i++ {
		if took := batch(); took < usual {
			usual = took
		}
	}
	return usual
}

func burst(ms, usual int64) (windows [][4]int64) {
	from := clock(clockMonotonic)
	end := from + ms*1_000_000
	var calls, cpu, lost int64
	// Whether the last batch was slow, and what it lost if the one before it wasn't.
	var wasSlow bool
	var first int64
	batch()
	for now := from; now < end; {
		took := batch()
		calls += batchCalls
		cpu += took
		switch {
		case took <= slow*usual:
			wasSlow = false
		case !wasSlow:
			// Alone it is an interrupt: a probe makes many slow.
			wasSlow, first = true, took-usual
		default:
			lost += took - usual + first
			first = 0
		}
		now = clock(clockMonotonic)
		if now-from >= windowNs || now >= end {
			windows = append(windows, [4]int64{now, calls, cpu, lost})
			from, calls, cpu, lost = now, 0, 0, 0
		}
	}
	return windows
}

func main() {
	runtime.LockOSThread()
	usual := findUsual()
	answers := json.NewEncoder(os.Stdout)
	answers.Encode(map[string]any{"ready": true})
	for words := bufio.NewScanner(os.Stdin); words.Scan(); {
		var ms int64
		if _, err := fmt.Sscanf(words.Text(), "burst %d", &ms); err != nil {
			return
		}
		answers.Encode(map[string]any{"windows": burst(ms, usual)})
	}
}
