/** Device numbers, which every interface of the kernel packs in another way. */

export interface Device {
  readonly major: bigint;
  readonly minor: bigint;
}

/** As stat(2) has it, which spreads both numbers over the bits. */
export const parseStatDevice = (device: bigint): Device => ({
  major: ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn),
  minor: (device & 0xffn) | ((device >> 12n) & 0xffffff00n),
});

/** As /proc/PID/maps prints it: two hexadecimal digits each, or more. */
export const formatMapsDevice = ({ major, minor }: Device): string =>
  [major, minor].map((number) => number.toString(16).padStart(2, "0")).join(":");
