// Prints values of many kinds as their bits and as Go writes them, a line of JSON each.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"syscall"
	"time"
	"unicode"
	"unsafe"
)

var out = json.NewEncoder(os.Stdout)

type line struct {
	Kind  string
	Words []string
	Bytes []byte
	Text  string
}

func words(values ...uint64) (list []string) {
	for _, value := range values {
		list = append(list, strconv.FormatUint(value, 10))
	}
	return
}

func float64s(bits uint64) {
	out.Encode(line{Kind: "float64", Words: words(bits), Text: fmt.Sprint(math.Float64frombits(bits))})
}

func float32s(bits uint32) {
	out.Encode(line{Kind: "float32", Words: words(uint64(bits)), Text: fmt.Sprint(math.Float32frombits(bits))})
}

func complexes(a, b float64) {
	bits := words(math.Float64bits(a), math.Float64bits(b))
	out.Encode(line{Kind: "complex128", Words: bits, Text: fmt.Sprint(complex(a, b))})
}

func durations(d time.Duration) {
	out.Encode(line{Kind: "duration", Words: words(uint64(d)), Text: d.String()})
}

func times(t time.Time) {
	raw := *(*[2]uint64)(unsafe.Pointer(&t))
	out.Encode(line{Kind: "time", Words: words(raw[0], raw[1]), Text: t.UTC().Format(time.RFC3339Nano)})
}

func stringsOf(s string) {
	out.Encode(line{Kind: "string", Bytes: []byte(s), Text: strconv.Quote(s)})
}

func main() {
	random := rand.New(rand.NewSource(2026))
	for exponent := 0; exponent < 2048; exponent++ {
		for _, fraction := range []uint64{0, 1, 1<<52 - 1, random.Uint64() & (1<<52 - 1)} {
			float64s(uint64(exponent)<<52 | fraction)
		}
	}
	for exponent := uint32(0); exponent < 256; exponent++ {
		for _, fraction := range []uint32{0, 1, 1<<23 - 1, random.Uint32() & (1<<23 - 1)} {
			float32s(exponent<<23 | fraction)
		}
	}
	for i := 0; i < 2000; i++ {
		float64s(random.Uint64())
		float32s(random.Uint32())
		durations(time.Duration(random.Uint64()) >> (random.Uint32() % 64))
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e5, 1e6, 123456789, 1e20, 1e21, 1e22, 1e-4, 1e-5, 1e-7} {
		float64s(math.Float64bits(f))
		float32s(math.Float32bits(float32(f)))
		complexes(f, -f)
		complexes(-f, math.Inf(1))
		complexes(math.NaN(), f)
	}
	for _, d := range []time.Duration{0, 1, -1, 999, 1000, 1500, 999999, 1e6, 1e9, 59999999999, 60e9, 61500e6, 3600e9, 3661e9 + 1, math.MinInt64 + 1, math.MaxInt64} {
		durations(d)
	}
	now := time.Now()
	for _, t := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(0, 999999999), now, now.Round(0), now.Add(-200 * 365 * 24 * time.Hour),
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1066, 10, 14, 9, 0, 0, 100, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.FixedZone("far", 19800)),
	} {
		times(t)
	}
	for code := rune(0); code < 0x3000; code++ {
		// What a version of Unicode has no character for, a later one may have.
		if unicode.In(code, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C) {
			stringsOf("a" + string(code) + "b")
		}
	}
	for i := 0; i < 2000; i++ {
		bytes := make([]byte, random.Intn(12))
		for j := range bytes {
			bytes[j] = []byte("a\n\x80\xa0\x82\xc2\xe2\xed\xf0\xf4\xff")[random.Intn(11)]
		}
		stringsOf(string(bytes))
	}
	for _, s := range []string{"", "żółw", "日本\n", "🎉", "\ufffd", "\u202e", "\u2028", "\U000e0001", "\xff\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
		stringsOf(s)
	}
	for errno := 0; errno < 140; errno++ {
		out.Encode(line{Kind: "errno", Words: words(uint64(errno)), Text: syscall.Errno(errno).Error()})
	}
}
