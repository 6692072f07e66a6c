/**
 * A Go program of 100 MB with its debug data, the size of the larger services that are deployed: many packages of
 * structs with methods, small functions that are inlined, closures, generic functions, interfaces, maps and errors.
 * Written by a generator, because no module is downloaded for a benchmark; every function of it can be reached.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGES = 195;
const SERVICES = 20;

/** A word of its own for every number, so that names are as long and as different as people make them. */
const WORDS = [
  "Order",
  "Tenant",
  "Ledger",
  "Route",
  "Session",
  "Shard",
  "Policy",
  "Volume",
  "Invoice",
  "Replica",
] as const;
const word = (number: number): string =>
  `${WORDS[number % WORDS.length] ?? ""}${WORDS[(number * 7 + 3) % WORDS.length] ?? ""}`;

const packageName = (number: number): string => `${word(number).toLowerCase()}${number}`;
const serviceName = (number: number, index: number): string => `${word(number * 3 + index)}${index}`;

/** One type with what belongs to it. `salt` makes every body another one. */
function service(name: string, salt: number): string {
  const [a, b, c] = [(salt % 89) + 3, (salt % 53) + 7, (salt % 31) + 2];
  return `
type ${name} struct {
	mu      sync.Mutex
	id      uint64
	name    string
	labels  map[string]string
	entries []${name}Entry
	weights [${c}]float64
	parent  *${name}
	created time.Time
	handler func(context.Context, *${name}Entry) error
}

type ${name}Entry struct {
	Key     string        \`json:"key"\`
	Value   []byte        \`json:"value,omitempty"\`
	Weight  int           \`json:"weight"\`
	Expires time.Duration \`json:"expires"\`
	Tags    []string      \`json:"tags"\`
}

type ${name}Error struct {
	Op    string
	Count int
	Err   error
}

func (e *${name}Error) Error() string {
	return fmt.Sprintf("%s after %d entries: %v", e.Op, e.Count, e.Err)
}

func (e *${name}Error) Unwrap() error { return e.Err }

func (e *${name}Entry) expired(after time.Duration) bool { return e.Expires > 0 && e.Expires < after }

func (e *${name}Entry) score(factor int) int { return e.Weight*factor + len(e.Key)*${a} + len(e.Value)%${b} }

// New${name} makes one with its entries.
func New${name}(id uint64, name string, count int) *${name} {
	s := &${name}{id: id, name: name, labels: make(map[string]string, count), created: time.Unix(int64(id), ${salt})}
	for i := 0; i < count; i++ {
		key := name + strconv.Itoa(i*${a})
		s.labels[key] = strings.ToUpper(key)
		s.entries = append(s.entries, ${name}Entry{Key: key, Value: []byte(key), Weight: i ^ ${b}, Tags: strings.Split(key, "-")})
		s.weights[i%${c}] += float64(i) / ${b}
	}
	s.handler = func(ctx context.Context, entry *${name}Entry) error {
		if err := ctx.Err(); err != nil {
			return &${name}Error{Op: "handle " + s.name, Count: len(s.entries), Err: err}
		}
		s.id += uint64(entry.score(count))
		return nil
	}
	return s
}

// Lookup finds an entry and how it was found.
func (s *${name}) Lookup(ctx context.Context, key string, limit int) (entry *${name}Entry, rank int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.entries {
		candidate := &s.entries[i]
		switch {
		case candidate.Key == key:
			if err := s.handler(ctx, candidate); err != nil {
				return nil, i, fmt.Errorf("lookup %q: %w", key, err)
			}
			return candidate, i, nil
		case candidate.expired(time.Duration(limit) * ${a} * time.Millisecond):
			rank -= candidate.score(${b})
		case strings.HasPrefix(candidate.Key, key):
			rank += ${c}
		}
	}
	if s.parent != nil && limit > 0 {
		return s.parent.Lookup(ctx, key, limit-1)
	}
	return nil, rank, &${name}Error{Op: "lookup", Count: len(s.entries), Err: errMissing}
}

// Apply changes entries and says how many, and which came first.
func (s *${name}) Apply(ctx context.Context, changes map[string]int, options ...Option) (int, string, error) {
	settings := settle(options)
	keys := make([]string, 0, len(changes))
	for key := range changes {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return changes[keys[i]]*${a} < changes[keys[j]]*${b} })
	applied, first := 0, ""
	for _, key := range keys {
		entry, rank, err := s.Lookup(ctx, key, settings.depth)
		if err != nil {
			var missing *${name}Error
			if errors.As(err, &missing) && settings.create {
				s.entries = append(s.entries, ${name}Entry{Key: key, Weight: changes[key], Value: []byte(missing.Op)})
				continue
			}
			return applied, first, fmt.Errorf("apply %d of %d to %s: %w", applied, len(keys), s.name, err)
		}
		entry.Weight = clamp(entry.Weight+changes[key]+rank, -${a}*1000, ${b}*1000)
		if first == "" || compare(first, key) > 0 {
			first = key
		}
		applied++
	}
	return applied, first, nil
}

// Summary reduces the entries by tag.
func (s *${name}) Summary(factor int, separator byte) map[string]float64 {
	sums := make(map[string]float64)
	for i := range s.entries {
		entry := &s.entries[i]
		weight := float64(entry.score(factor)) * s.weights[i%${c}]
		for _, tag := range entry.Tags {
			if at := strings.IndexByte(tag, separator); at >= 0 {
				sums[tag[:at]] += weight / ${c}
				sums[tag[at+1:]] -= weight
			} else {
				sums[tag] += weight * ${a}
			}
		}
	}
	for key, sum := range sums {
		if sum < 0.${b} && sum > -0.${b} {
			delete(sums, key)
		}
	}
	return sums
}

// Encode writes the entries, and answers a checksum of what it wrote.
func (s *${name}) Encode(out io.Writer, indent bool) (written int64, sum uint32, err error) {
	hash := crc32.NewIEEE()
	encoder := json.NewEncoder(io.MultiWriter(out, hash))
	if indent {
		encoder.SetIndent("", strings.Repeat(" ", ${c}))
	}
	for i := range s.entries {
		if err := encoder.Encode(&s.entries[i]); err != nil {
			return written, hash.Sum32(), &${name}Error{Op: "encode", Count: i, Err: err}
		}
		written += int64(len(s.entries[i].Value) + ${a})
	}
	best := pick(s.entries, func(e ${name}Entry) int { return e.score(${b}) })
	if best.expired(${a} * time.Second) {
		_, err = fmt.Fprintf(out, "%s %d %v\\n", best.Key, best.Weight, best.Expires)
	}
	return written, hash.Sum32(), err
}

// Watch counts what arrives until the context ends.
func (s *${name}) Watch(ctx context.Context, events <-chan ${name}Entry, every time.Duration) (count int, err error) {
	ticker := time.NewTicker(every + ${a})
	defer ticker.Stop()
	defer func() {
		if cause := recover(); cause != nil {
			err = &${name}Error{Op: "watch", Count: count, Err: fmt.Errorf("%v", cause)}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return count, ctx.Err()
		case entry, open := <-events:
			if !open {
				return count, nil
			}
			if entry.score(${c}) > s.entries[count%len(s.entries)].score(${b}) {
				s.entries[count%len(s.entries)] = entry
			}
			count++
		case <-ticker.C:
			s.id = rotate(s.id, count)
		}
	}
}

func run${name}(ctx context.Context, out io.Writer, count int) error {
	s := New${name}(${salt}, "${name.toLowerCase()}-", count)
	s.parent = New${name}(${salt + 1}, "parent-", ${c})
	applied, first, err := s.Apply(ctx, map[string]int{"${name}": ${a}, s.name + "0": ${b}}, Create(), Depth(${c}))
	if err != nil {
		return err
	}
	events := make(chan ${name}Entry, ${c})
	go func() {
		defer close(events)
		for i := 0; i < applied; i++ {
			events <- ${name}Entry{Key: first, Weight: i * ${a}}
		}
	}()
	seen, err := s.Watch(ctx, events, ${b}*time.Millisecond)
	if err != nil {
		return err
	}
	written, sum, err := s.Encode(out, seen%2 == 0)
	fmt.Fprintln(out, applied, first, seen, written, sum, s.Summary(${a}, '-'))
	return err
}
`;
}

function packageSource(name: string, number: number): string {
  const services = Array.from({ length: SERVICES }, (_, index) => serviceName(number, index));
  return `// Package ${name} is generated.
package ${name}

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

var errMissing = errors.New("${name}: no such entry")

type settings struct {
	depth  int
	create bool
}

// Option changes how changes are applied.
type Option func(*settings)

// Depth is how many parents are asked.
func Depth(depth int) Option { return func(s *settings) { s.depth = depth } }

// Create makes entries that are missing.
func Create() Option { return func(s *settings) { s.create = true } }

func settle(options []Option) settings {
	s := settings{depth: ${number % 7}}
	for _, option := range options {
		option(&s)
	}
	return s
}

func clamp[T cmp.Ordered](value, low, high T) T { return max(low, min(high, value)) }

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

func rotate(value uint64, by int) uint64 { return value<<(by&63) | value>>(64-by&63) ^ ${number} }

func pick[T any](values []T, score func(T) int) (best T) {
	top := -1 << 31
	for _, value := range values {
		if s := score(value); s > top {
			best, top = value, s
		}
	}
	return best
}

// Run runs every service of the package.
func Run(ctx context.Context, out io.Writer, count int) error {
	return errors.Join(
${services.map((each) => `\t\trun${each}(ctx, out, count),`).join("\n")}
	)
}
${services.map((each, index) => service(each, number * SERVICES + index)).join("")}`;
}

/** A function of it that has arguments of several kinds. */
export const LARGE_FUNCTION = `large/${packageName(4)}.(*${serviceName(4, 19)}).Lookup`;

/** Writes the module into `folder`. The program idles when it gets the address of a port. */
export function writeLargeProgram(folder: string): void {
  const names = Array.from({ length: PACKAGES }, (_, number) => packageName(number));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), "module large\n\ngo 1.27\n");
  names.forEach((name, number) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, `${name}.go`), packageSource(name, number));
  });
  const main = `package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"

${names.map((name) => `\t"large/${name}"`).join("\n")}
)

func main() {
	ctx := context.Background()
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
	err := errors.Join(
${names.map((name) => `\t\t${name}.Run(ctx, os.Stdout, len(os.Args)),`).join("\n")}
	)
	if err != nil {
		log.Fatal(err)
	}
}
`;
  writeFileSync(join(folder, "main.go"), main);
}
