/** Things built from other things of the same sort, where damage may make one contain itself. */

/** LIMIT: types nested by value (struct in struct in array …), or unnamed types within one name. Real ones stay below 20. */
const MAX_NESTING = 200;

/** Builds one value per descriptor, once, and never inside itself: that goes to `fail`. */
export class OncePerType<T> {
  private readonly known = new Map<number, T>();
  private readonly open = new Set<number>();
  private readonly fail: (type: number, detail: string) => never;

  constructor(fail: (type: number, detail: string) => never) {
    this.fail = fail;
  }

  get(type: number, build: () => T): T {
    const known = this.known.get(type);
    if (known !== undefined) return known;
    if (this.open.has(type)) this.fail(type, "type contains itself");
    if (this.open.size > MAX_NESTING) this.fail(type, "types nest too deeply");
    this.open.add(type);
    try {
      const built = build();
      this.known.set(type, built);
      return built;
    } finally {
      this.open.delete(type);
    }
  }
}
