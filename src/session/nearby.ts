/**
 * Reads the code that is at the sites of a run, in a file or in memory: what lies close together at once. A run may have tens of
 * thousands of sites, and with a system call for each this would take longer than the kernel takes to put the probes on.
 */

/** Fills the buffer with what is at a position and behind it; false when not all of that can be read. */
export type Read = (position: number, into: Buffer) => boolean;

/** LIMIT: how far what is read goes on to the next site: so no page is read that has none. */
const NEAR_BYTES = 4096;
/** LIMIT: bytes that are read at once. */
const MOST_BYTES = 1 << 16;

/** Where the bytes of a site are in a buffer that is used anew. */
export interface CodeNow {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Whether what is there now are these bytes, from one of them on. */
export function isCode({ bytes, at }: CodeNow, expected: Buffer, from = 0): boolean {
  for (let index = from; index < expected.length; index++) {
    if (bytes[at + index] !== expected[index]) return false;
  }
  return true;
}

/** Visits each site with what is there now; undefined where that can't be read. Sites had better be in order. */
export function readSites<T extends { readonly bytes: Buffer }>(
  sites: readonly T[],
  positionOf: (site: T) => number,
  read: Read,
  visit: (site: T, now: CodeNow | undefined) => void,
): void {
  const room = Buffer.allocUnsafe(MOST_BYTES);
  const readAt = (position: number, end: number): boolean => read(position, room.subarray(0, end - position));
  let stretch: { readonly site: T; readonly position: number }[] = [];
  let [start, end] = [0, 0];
  const finish = (): void => {
    const whole = readAt(start, end);
    for (const { site, position } of stretch) {
      // What is between two sites is nobody's: that it can't be read says nothing of them.
      if (whole) visit(site, { bytes: room, at: position - start });
      else visit(site, readAt(position, position + site.bytes.length) ? { bytes: room, at: 0 } : undefined);
    }
  };
  for (const site of sites) {
    const position = positionOf(site);
    const siteEnd = position + site.bytes.length;
    const isNear = position >= start && position <= end + NEAR_BYTES && siteEnd <= start + MOST_BYTES;
    if (stretch.length > 0 && isNear) {
      stretch.push({ site, position });
      end = Math.max(end, siteEnd);
      continue;
    }
    if (stretch.length > 0) finish();
    stretch = [{ site, position }];
    [start, end] = [position, siteEnd];
  }
  if (stretch.length > 0) finish();
}
