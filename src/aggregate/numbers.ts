/**
 * Numbers, durations and times from their bits, written as Go writes them: floats and complex numbers as fmt's `%v`,
 * `Duration.String`, RFC 3339 with as many digits of a second as there are.
 */

const scratch = new DataView(new ArrayBuffer(8));

/** The float whose bits these are; the low four bytes of a float32. */
export function floatOf(bits: bigint, size: 4 | 8): number {
  if (size === 8) {
    scratch.setBigUint64(0, BigInt.asUintN(64, bits));
    return scratch.getFloat64(0);
  }
  scratch.setUint32(0, Number(BigInt.asUintN(32, bits)));
  return scratch.getFloat32(0);
}

/**
 * The shortest decimal that is this float and no other of its size; of several the nearest, of two as near the even one.
 * JavaScript finds a double's by itself.
 */
function shortest(value: number, size: 4 | 8): number {
  if (size === 8 || !Number.isFinite(value)) return value;
  if (value < 0) return -shortest(-value, size);
  const all = value.toExponential(99).replace(/\.|e.*$/g, "");
  for (let digits = 1; digits < 9; digits++) {
    const [mantissa = "", exponent = ""] = value.toExponential(digits - 1).split("e");
    const last = BigInt(mantissa.replace(".", ""));
    // Below a power of two floats are closer than above: there the nearest decimal may be another float, the next not.
    const inOrder = isTie(all, digits) && last % 2n !== 0n ? [last - 1n, last] : [last, last + 1n, last - 1n];
    for (const candidate of inOrder) {
      const decimal = Number(`${candidate}e${Number(exponent) - digits + 1}`);
      if (Math.fround(decimal) === value) return decimal;
    }
  }
  return Number(value.toPrecision(9));
}

/** Whether a value of all these digits lies in the middle between two of so many; JavaScript then takes the larger. */
const isTie = (all: string, digits: number): boolean => /^50*$/.test(all.slice(digits));

/** As `%v` and `FormatFloat(f, 'g', -1)` have it: exponents below -4 and from 6 on, of at least two digits. */
export function formatFloat(value: number, size: 4 | 8): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const decimal = shortest(value, size);
  const [mantissa = "", power = ""] = decimal.toExponential().split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return decimalText(decimal, exponent);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** JavaScript turns to exponents below -6 only. */
const decimalText = (value: number, exponent: number): string =>
  exponent < 0 ? value.toFixed(significantDigits(value) - 1 - exponent) : String(value);

const significantDigits = (value: number): number => value.toExponential().replace(/^-|\.|e.*$/g, "").length;

/** `(1+2i)`. */
export function formatComplex(real: number, imaginary: number, size: 4 | 8): string {
  const second = formatFloat(imaginary, size);
  return `(${formatFloat(real, size)}${/^[+-]/.test(second) ? "" : "+"}${second}i)`;
}

const SECOND = 1_000_000_000n;

/** `1h2m3.5s`, `1.5ms`, `0s`. */
export function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatGoDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return "0s";
  if (nanoseconds < SECOND) {
    const [unit, size] =
      nanoseconds < 1_000n
        ? (["ns", 1n] as const)
        : nanoseconds < 1_000_000n
          ? (["µs", 1_000n] as const)
          : (["ms", 1_000_000n] as const);
    return `${fraction(nanoseconds, size)}${unit}`;
  }
  const minutes = nanoseconds / (60n * SECOND);
  const seconds = `${fraction(nanoseconds % (60n * SECOND), SECOND)}s`;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** value / unit in decimal, exactly, without zeros at its end; a unit is a power of ten. */
function fraction(value: bigint, unit: bigint): string {
  const digits = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, "0")
    .replace(/0+$/, "");
  return unit === 1n || digits === "" ? String(value / unit) : `${value / unit}.${digits}`;
}

/** FACT(go1.19..go1.27): the top bit of time.Time's `wall` says that seconds since 1885 are in it, else `ext` has them. */
const HAS_MONOTONIC = 1n << 63n;
const WALL_SECONDS_BITS = 33;
const NANOSECOND_BITS = 30;
/** Seconds from the years 1 and 1885 to 1970. */
const YEAR_1_TO_1970 = 62_135_596_800n;
const YEAR_1885_TO_1970 = 2_682_288_000n;

/** The nanoseconds since 1970 of a time.Time; undefined when its words are none that the package makes. */
export function unixNanoseconds(wall: bigint, ext: bigint): bigint | undefined {
  const nanoseconds = BigInt.asUintN(NANOSECOND_BITS, wall);
  if (nanoseconds >= SECOND) return undefined;
  const seconds =
    (wall & HAS_MONOTONIC) === 0n
      ? BigInt.asIntN(64, ext) - YEAR_1_TO_1970
      : BigInt.asUintN(WALL_SECONDS_BITS, wall >> BigInt(NANOSECOND_BITS)) - YEAR_1885_TO_1970;
  return seconds * SECOND + nanoseconds;
}

/** Years 0 to 9999, which RFC 3339 has. */
const FIRST = -62_167_219_200n * SECOND;
const END = 253_402_300_800n * SECOND;

/** In UTC, with up to nine digits of a second; undefined outside the years 0 to 9999. */
export function formatTime(nanosecondsSince1970: bigint): string | undefined {
  if (nanosecondsSince1970 < FIRST || nanosecondsSince1970 >= END) return undefined;
  const within = ((nanosecondsSince1970 % SECOND) + SECOND) % SECOND;
  const whole = new Date(Number((nanosecondsSince1970 - within) / 1_000_000n)).toISOString().slice(0, 19);
  const digits = within.toString().padStart(9, "0").replace(/0+$/, "");
  return `${whole}${digits === "" ? "" : `.${digits}`}Z`;
}
