/** What `--help` says beyond the options. */

/** What `--exe` means to a command that measures. */
export const EVERY_PROCESS = "every process, now and later, that runs this file";

/** The commands that take expressions end their help with these. */
export const EXPRESSIONS = `
Expressions (EXPR) take a value from the arguments and results of a call:
  tenant, err         a parameter or result by its name in the source
  arg0, ret0          by position; a method's receiver is arg0
  s.shard.id          a field, through pointers
  *e, e[3], m["key"]  what a pointer points to; an element; what a map holds under a key
  len(e), cap(e)      of strings, slices, maps, channels
  str(arg0)           the C string that it points to; str(arg0, arg1): that of arg1 bytes
  word(s)             the first run of letters, digits and underscores in a string
  int32(ret)          of a C function's arguments and results, which are 64 bits, the lower ones
  type(err)           the type that an interface holds
  value(ctx, pkg.Key) what a context holds under a key of this type
  pkg.Name            a package variable
  $duration, $goid    the call's time; whose it is: $goid, $tid
  log2(n)             integers in buckets that double in size
  lin(n, 0, 100, 10)  integers from 0 to 100 in buckets of 10
Conditions (COND) compare them with what can be written: == != < <= > >= && || ! ( ), hasPrefix(key, "user/"),
10ms, "text", 'x', 1.5, true, nil. A call for which one reads what is not there is left out, and counted: a key
that the map does not have (where Go has a zero), an element past the end, what a nil pointer leads to. What splits or
measures is an integer, bool, float, string or pointer; what is shown may be anything. A float in a register is out
of reach.`;

export const TARGET = "(-p PID | -e FILE | -- COMMAND ARG…)";
export const GO_PROBE = "Go symbols as go tool nm prints them, globs (main.*), /regular expressions/, FILE.go:LINE";
export const PROBE = `${GO_PROBE}; usdt:PROVIDER:NAME, c:SYMBOL, c:LIBRARY:SYMBOL`;
/** Of commands that measure. */
export const PROBE_OR_SPAN = `${PROBE}; usdt:P:FROM..usdt:P:TO, the span between two`;

const RECORDABLE = "results go to this file, not to stdout; FILE.gospect records the run, for replay";

const OUTPUT_TEXTS: Readonly<Record<string, string>> = {
  hist: RECORDABLE,
  trace: RECORDABLE,
  flow: RECORDABLE,
  recipe: RECORDABLE,
  profile: "the profile's file, - for stdout (default: gospect.pb.gz); FILE.gospect records the run, for replay",
  symbols: "the symbol file, - for stdout",
  usdt: "the stamped program (default: it takes the place of FILE)",
};

/** What `-o` of a command is for. */
export const outputText = (command: string): string =>
  OUTPUT_TEXTS[command] ?? "results go to this file, not to stdout";

export const EXAMPLES = `
Examples:
  gospect list -e ./store 'main.(*Store).*'                          what can be measured
  sudo gospect hist -p 4711 'main.(*Store).Lookup' --by tenant        which argument makes it slow
  sudo gospect profile -p 4711 'main.(*Store).Lookup' --by tenant     who calls it, with what
  go tool pprof -http=: gospect.pb.gz
  sudo gospect trace -p 4711 'main.(*Store).Lookup' --where '$duration > 10ms'   the slow ones themselves
  sudo gospect hist -p 815 c:libc.so.6:getaddrinfo --by 'str(arg0)'   the same of a C function, by host
  gospect list -p 815 'usdt:*'                                       the static probes of a process
  gospect doctor                                                     what this machine allows

Exit status: 0 done, 1 the run failed, 2 wrong command line, 3 nothing to measure, 4 not permitted or not supported.`;
