package main

import (
	"runtime/debug"
	"unsafe"
)

type Node struct {
	next  *Node
	value int
	text  string
}

// Text and Follow never look at what they are given.
//
//go:noinline
func Text(s string) int { return touch(len(s)) + 1 }

//go:noinline
func Follow(n *Node) bool { return touch(1) != 0 && n != nil }

// Addresses at which nothing is mapped: one of user space, one that no CPU accepts, one of the kernel.
const (
	unmapped     = uintptr(0x00007ead_beef_0000)
	nonCanonical = uintptr(0x0dea_dbee_f000_0000)
	kernels      = uintptr(0xffff_8000_0000_1000)
)

type header struct {
	data uintptr
	size int
}

func textAt(data uintptr, size int) string {
	h := header{data, size}
	return *(*string)(unsafe.Pointer(&h))
}

func nodeAt(address uintptr) *Node { return *(**Node)(unsafe.Pointer(&address)) }

// hostile passes values that are not what their types say, as a program with a bug in its unsafe code might. Nothing is
// collected meanwhile, because the collector would stop at such pointers.
func hostile() map[string]int {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, s := range []string{
		textAt(unmapped, 5),
		textAt(nonCanonical, 5),
		textAt(kernels, 5),
		textAt(0, 5),
		textAt(unmapped, 1<<62),
		textAt(unmapped, -1),
		textAt(unmapped, 0),
		"good",
	} {
		Text(s)
	}
	for _, n := range []*Node{
		nil,
		nodeAt(unmapped),
		nodeAt(nonCanonical),
		nodeAt(kernels),
		{},
		{next: nodeAt(unmapped)},
		{next: &Node{value: 7, text: textAt(unmapped, 3)}},
		{next: &Node{value: 7, text: "seven"}},
	} {
		Follow(n)
	}
	return map[string]int{"main.Text": 8, "main.Follow": 8}
}
