/**
 * Values of known types as JSON and back: one definition for both ways, so that what is written is what is read. Reading
 * believes nothing; what is not of the type is a FormatError that says where in the JSON it stands.
 */
import { FormatError } from "../base/index.js";

/** Where a reader is, for messages, and how deep. */
export interface Place {
  /** The section, and its offset in the file. */
  readonly structure: string;
  readonly offset: number;
  readonly path: string;
  readonly depth: number;
}

export interface Codec<T> {
  write(value: T): unknown;
  read(json: unknown, place: Place): T;
}

/** LIMIT: nesting of what is read. A shape's is bounded by the planner at far less. */
const MOST_DEPTH = 64;

export function fail({ structure, offset, path }: Place, expected: string): never {
  throw new FormatError(structure, offset, `${path} is not ${expected}`);
}

const inside = (place: Place, step: string): Place => {
  if (place.depth >= MOST_DEPTH) fail(place, "nested so deeply");
  return { ...place, path: `${place.path}${step}`, depth: place.depth + 1 };
};

const plain = <T>(is: (json: unknown) => json is T, expected: string): Codec<T> => ({
  write: (value) => value,
  read: (json, place) => (is(json) ? json : fail(place, expected)),
});

export const text = plain((json) => typeof json === "string", "a text");
export const truth = plain((json) => typeof json === "boolean", "true or false");
export const finite = plain((json): json is number => typeof json === "number" && Number.isFinite(json), "a number");
export const integer = plain((json): json is number => Number.isSafeInteger(json), "an integer");
/** Of hostile stacks too, where it may be beyond what a number counts exactly. */
export const address = plain((json): json is number => Number.isInteger(json), "an address");
export const natural = plain((json): json is number => Number.isSafeInteger(json) && Number(json) >= 0, "a count");

const sixtyFour = (low: bigint, high: bigint): Codec<bigint> => ({
  write: String,
  read: (json, place) => {
    const value = typeof json === "string" && /^-?\d{1,20}$/.test(json) ? BigInt(json) : undefined;
    return value !== undefined && value >= low && value <= high ? value : fail(place, "an integer of 64 bits");
  },
});

/** As decimal text: 64 bits, signed or not. */
export const wide = sixtyFour(-(2n ** 63n), 2n ** 64n - 1n);
/** The same, never negative: counts and keys. */
export const unsigned = sixtyFour(0n, 2n ** 64n - 1n);

export const bytes: Codec<Buffer> = {
  write: (value) => value.toString("base64"),
  read: (json, place) => (typeof json === "string" ? Buffer.from(json, "base64") : fail(place, "bytes in base64")),
};

/** One of these and nothing else. */
export const word = <T extends string | number>(...words: readonly T[]): Codec<T> =>
  plain((json): json is T => (words as readonly unknown[]).includes(json), words.join(" or "));

export const list = <T>(element: Codec<T>): Codec<readonly T[]> => ({
  write: (values) => values.map((value) => element.write(value)),
  read: (json, place) => {
    if (!Array.isArray(json)) fail(place, "a list");
    return json.map((value: unknown, index) => element.read(value, inside(place, `[${index}]`)));
  },
});

/** As a list of pairs. */
export const map = <K, V>(key: Codec<K>, value: Codec<V>): Codec<ReadonlyMap<K, V>> => {
  const pairs = list(tuple(key, value));
  return {
    write: (entries) => pairs.write([...entries]),
    read: (json, place) => new Map(pairs.read(json, place)),
  };
};

const tuple = <A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> => ({
  write: ([a, b]) => [first.write(a), second.write(b)],
  read: (json, place) => {
    if (!Array.isArray(json) || json.length !== 2) fail(place, "a pair");
    return [first.read(json[0], inside(place, "[0]")), second.read(json[1], inside(place, "[1]"))];
  },
});

/** Left out when undefined. */
export const optional = <T>(codec: Codec<T>): Codec<T | undefined> => ({
  write: (value) => (value === undefined ? undefined : codec.write(value)),
  read: (json, place) => (json === undefined ? undefined : codec.read(json, place)),
});

type Fields<T> = { readonly [K in keyof T]-?: Codec<Required<T>[K]> | Codec<T[K]> };

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** Exactly these fields: those that are not there are undefined, others are not looked at. */
export const object = <T extends object>(fields: Fields<T>): Codec<T> => {
  const codecs = Object.entries(fields) as [string, Codec<unknown>][];
  return {
    write: (value) =>
      Object.fromEntries(codecs.map(([name, codec]) => [name, codec.write((value as Record<string, unknown>)[name])])),
    read: (json, place) => {
      if (!isObject(json)) fail(place, "an object");
      const values = codecs.flatMap(([name, codec]): [string, unknown][] => {
        const field = Object.hasOwn(json, name) ? json[name] : undefined;
        const value = codec.read(field, inside(place, `.${name}`));
        return value === undefined ? [] : [[name, value]];
      });
      return Object.fromEntries(values) as T;
    },
  };
};

/** Objects told apart by their field `kind`. */
export const kinds = <T extends { readonly kind: string }>(
  cases: {
    readonly [K in T["kind"]]: Codec<Omit<Extract<T, { readonly kind: K }>, "kind">>;
  },
): Codec<T> => {
  const codecs = new Map<string, Codec<unknown>>(Object.entries(cases) as [string, Codec<unknown>][]);
  return {
    write: (value) => ({ kind: value.kind, ...(codecs.get(value.kind)?.write(value) as object) }),
    read: (json, place) => {
      const kind = isObject(json) ? json["kind"] : undefined;
      const codec = typeof kind === "string" ? codecs.get(kind) : undefined;
      if (codec === undefined) fail(inside(place, ".kind"), [...codecs.keys()].join(" or "));
      return { kind, ...(codec.read(json, place) as object) } as T;
    },
  };
};

/** For a type that contains itself. */
export const later = <T>(codec: () => Codec<T>): Codec<T> => ({
  write: (value) => codec().write(value),
  read: (json, place) => codec().read(json, inside(place, "")),
});

/** Either, told apart by whether the JSON is a text. */
export const textOr = <T extends object>(other: Codec<T>): Codec<string | T> => ({
  write: (value) => (typeof value === "string" ? value : other.write(value)),
  read: (json, place) => (typeof json === "string" ? json : other.read(json, place)),
});
