/** The libraries of a target against ldd and /proc/PID/maps: programs of the system, and some made for this. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openCodeFile } from "../../src/binary/index.js";
import { openLibraries, openLinkedLibraries } from "../../src/commands/libraries.js";
import { codeFilesOf, findLoadBias, openProcess, parseMappings, readCodeFiles } from "../../src/process/index.js";
import { openTarget, type TargetRequest } from "../../src/session/index.js";
import { CodeFile } from "../../src/symbols/index.js";
import { checkout, Fixture } from "../fixture.js";

let folder = "";
const inFolder = (...parts: string[]): string => join(folder, ...parts);
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-libraries-"));
});
after(() => rmSync(folder, { recursive: true }));

const compile = (output: string, source: string, ...options: string[]): string => {
  writeFileSync(inFolder("source.c"), source);
  execFileSync("cc", ["-o", output, "source.c", ...options], { cwd: folder });
  return inFolder(output);
};

async function withMain<T>(path: string, use: (main: CodeFile) => Promise<T>): Promise<T> {
  const { elf } = await openCodeFile(path);
  using _source = elf.source;
  return await use(new CodeFile(elf, path));
}

const close = (libraries: readonly CodeFile[]): void => {
  for (const { elf } of libraries) elf.source[Symbol.dispose]();
};

const linked = (
  path: string,
): Promise<{ readonly libraries: readonly string[]; readonly missing: readonly string[] }> =>
  withMain(path, async (main) => {
    const { libraries, missing } = await openLinkedLibraries(main);
    close(libraries);
    return { libraries: libraries.map(({ access }) => realpathSync(access)).sort(), missing: [...missing].sort() };
  });

/** What the dynamic linker itself says; the kernel's own library has no file. */
function ldd(
  path: string,
  environment: Readonly<Record<string, string>> = {},
): { readonly libraries: readonly string[]; readonly missing: readonly string[] } {
  const { stdout } = spawnSync("ldd", [path], { encoding: "utf8", env: { PATH: process.env["PATH"], ...environment } });
  const lines = stdout.split("\n").map((line) => line.trim());
  const libraries = lines.flatMap((line) => /^(?:\S+ => )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  const missing = lines.flatMap((line) => /^(\S+) => not found$/.exec(line)?.[1] ?? []);
  return {
    libraries: [...new Set(libraries.map((path) => realpathSync(path)))].sort(),
    missing: [...new Set(missing)].sort(),
  };
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

describe("libraries that a file is linked to", () => {
  it("are those of ldd, for programs and libraries of the system", async () => {
    const candidates = [
      "/bin/bash",
      "/usr/bin/python3.11",
      process.execPath,
      "/usr/bin/gcc",
      "/usr/bin/readelf",
      "/lib/x86_64-linux-gnu/libstdc++.so.6",
      ...["15", "17"].flatMap((version) =>
        ["psql", "postgres"].map((name) => `/usr/lib/postgresql/${version}/bin/${name}`),
      ),
    ].filter((path) => existsSync(path));
    assert.ok(candidates.length > 2);
    const before = descriptors();
    for (const path of candidates) assert.deepEqual(await linked(path), ldd(path), path);
    assert.equal(descriptors(), before);
  });

  it("of a static program are none", async () => {
    compile("static", "int main(void) { return 0; }", "-static");
    assert.deepEqual(await linked(inFolder("static")), { libraries: [], missing: [] });
  });

  it("are where rpath and runpath say, which differ in what a library needs in turn", async () => {
    for (const name of ["near", "far"]) mkdirSync(inFolder(name));
    compile("far/libfar.so", "int far(void) { return 1; }", "-shared", "-fPIC", "-Wl,-soname,libfar.so");
    compile(
      "near/libnear.so",
      "int far(void); int near(void) { return far(); }",
      ...["-shared", "-fPIC", "-Wl,-soname,libnear.so", "-Lfar", "-lfar"],
    );
    const main = "int near(void); int main(void) { return near(); }";
    const paths = ["-Lnear", "-lnear", "-Wl,-rpath-link,far", `-Wl,-rpath,$ORIGIN/near:$${"{ORIGIN}"}/far`];
    const rpath = compile("with-rpath", main, ...paths, "-Wl,--disable-new-dtags");
    const runpath = compile("with-runpath", main, ...paths, "-Wl,--enable-new-dtags");
    assert.deepEqual(await linked(rpath), ldd(rpath));
    assert.deepEqual(await linked(runpath), ldd(runpath));
    assert.ok((await linked(rpath)).libraries.includes(inFolder("far", "libfar.so")));
    assert.deepEqual((await linked(runpath)).missing, ["libfar.so"]);
    // $ORIGIN is the folder of the file itself, not that of a link to it.
    mkdirSync(inFolder("elsewhere"));
    symlinkSync(rpath, inFolder("elsewhere", "link"));
    assert.deepEqual(await linked(inFolder("elsewhere", "link")), ldd(rpath));
  });

  it("are those made for the processor's level where there are such, each of its folders before the plain one", async () => {
    const function_ = "int fast(void) { return 1; }";
    const options = ["-shared", "-fPIC", "-Wl,-soname,libfast.so"];
    mkdirSync(inFolder("fast"));
    compile("fast/libfast.so", function_, ...options);
    const main = ["-Lfast", "-lfast", "-Wl,-rpath,$ORIGIN/fast"];
    const path = compile("with-levels", "int fast(void); int main(void) { return fast(); }", ...main);
    assert.deepEqual(await linked(path), ldd(path));
    for (const level of ["x86-64-v2", "x86-64-v3", "x86-64-v4"]) {
      mkdirSync(inFolder("fast/glibc-hwcaps", level), { recursive: true });
      compile(`fast/glibc-hwcaps/${level}/libfast.so`, function_, ...options);
      assert.deepEqual(await linked(path), ldd(path), level);
    }
  });

  it("of a command are where our environment says, too", async () => {
    compile("preloaded.so", "int preloaded(void) { return 2; }", "-shared", "-fPIC");
    const path = compile(
      "without-paths",
      "int near(void); int main(void) { return near(); }",
      ...["-Lnear", "-lnear", "-Wl,-rpath-link,far"],
    );
    const environment = {
      LD_LIBRARY_PATH: `${inFolder("near")}:${inFolder("far")}`,
      LD_PRELOAD: inFolder("preloaded.so"),
    };
    const truth = ldd(path, environment);
    assert.deepEqual(truth.missing, []);
    const open = (request: TargetRequest) =>
      withMain(path, async (main) => {
        using target = openTarget(request);
        const libraries = await openLibraries(target, main);
        close(libraries);
        return libraries.map(({ access }) => realpathSync(access)).sort();
      });
    Object.assign(process.env, environment);
    try {
      assert.deepEqual(await open({ kind: "command", argv: [path] }), truth.libraries);
      assert.deepEqual(await open({ kind: "exe", path }), ldd(path).libraries);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }
  });

  it("are passed over where a file of that name is no library", async () => {
    mkdirSync(inFolder("broken"));
    writeFileSync(inFolder("broken", "libnear.so"), "not a library");
    const path = compile(
      "with-broken",
      "int near(void); int main(void) { return near(); }",
      ...["-Lnear", "-lnear", "-Wl,-rpath-link,far", "-Wl,-rpath,$ORIGIN/broken:$ORIGIN/near:$ORIGIN/far"],
      "-Wl,--disable-new-dtags",
    );
    assert.ok((await linked(path)).libraries.includes(inFolder("near", "libnear.so")));
  });
});

/** Maps a library in the ways that it is told to, a line for each: `open PATH`, `memfd PATH`. */
const LOADER = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
int main(void) {
  char line[4096], path[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\\n")] = 0;
    if (strncmp(line, "open ", 5) == 0) strcpy(path, line + 5);
    else if (strncmp(line, "memfd ", 6) == 0) {
      int from = open(line + 6, O_RDONLY), to = memfd_create("made at run time", 0);
      while (sendfile(to, from, NULL, 1 << 20) > 0) {}
      close(from);
      sprintf(path, "/proc/self/fd/%d", to);
    } else break;
    puts(dlopen(path, RTLD_NOW) == NULL ? dlerror() : "opened");
    fflush(stdout);
  }
  return 0;
}
`;

/** Others' mappings, and what has no name any more, are for the privileged. */
const skip = process.geteuid?.() === 0 ? false : "needs root";

describe("libraries that a process has mapped", { skip }, () => {
  let loader = "";
  let library = "";
  before(() => {
    loader = compile("loader", LOADER);
    library = compile("mapped.so", "int mapped(void) { return 7; }", "-shared", "-fPIC");
  });

  /** One library under its name, two of one name that are deleted, one that never had a name. */
  async function startLoader(): Promise<Fixture> {
    const fixture = new Fixture(loader, []);
    const opened = async (line: string): Promise<void> => {
      fixture.send(line);
      assert.equal(await fixture.nextLine(), "opened");
    };
    if (!existsSync(inFolder("link"))) symlinkSync(folder, inFolder("link"));
    await opened(`open ${library}`);
    for (const parent of [folder, inFolder("link")]) {
      copyFileSync(library, inFolder("gone.so"));
      await opened(`open ${join(parent, "gone.so")}`);
      rmSync(inFolder("gone.so"));
    }
    await opened(`memfd ${library}`);
    return fixture;
  }

  /** Names of files with code, as the lines of maps have them; each mapped file once. */
  const mappedNames = (pid: number): readonly string[] => {
    const lines = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
    const files = lines.flatMap((line) => {
      const [, flags = "", , , inode = "0", ...path] = line.split(/ +/);
      return flags[2] === "x" && inode !== "0" ? [{ inode, path: path.join(" ") }] : [];
    });
    const withCode = new Map(files.map(({ inode, path }) => [`${inode} ${path}`, path]));
    return [...withCode.values()].map((path) => path.replace(/ \(deleted\)$/, "")).sort();
  };

  it("are all files with code, each under its name and openable, whatever became of it", async () => {
    using fixture = await startLoader();
    const files = readCodeFiles(fixture.pid);
    assert.deepEqual(files.map(({ path }) => path).sort(), mappedNames(fixture.pid));
    const copies = files.filter(({ path }) => /mapped|gone|memfd/.test(path));
    assert.deepEqual(
      copies.map(({ path }) => path).sort(),
      [inFolder("gone.so"), inFolder("gone.so"), library, "/memfd:made at run time"].toSorted(),
    );
    const bytes = readFileSync(library);
    for (const { access, path } of copies) assert.deepEqual(readFileSync(access), bytes, path);
    await fixture.stop();
  });

  it("have their mappings by what opens them, and their load bias by those", async () => {
    using fixture = await startLoader();
    const target = openProcess(fixture.pid);
    const biases = new Set<number>();
    for (const { access, path, mappings } of readCodeFiles(fixture.pid)) {
      assert.deepEqual(target.readMappingsOf(access), mappings, path);
      const { elf } = await openCodeFile(access);
      using _source = elf.source;
      const bias = findLoadBias(mappings, elf.loads) ?? assert.fail(path);
      assert.equal(bias + elf.imageBase, mappings[0]?.start, path);
      biases.add(bias);
    }
    assert.equal(biases.size, readCodeFiles(fixture.pid).length);
    assert.deepEqual(target.readMappingsOf(library).length > 0, true);
    assert.deepEqual(target.readMappingsOf("/bin/bash"), []);
    assert.deepEqual(target.readMappingsOf("/nowhere"), []);
  });

  it("are opened but for the program itself", async () => {
    using fixture = await startLoader();
    using target = openTarget({ kind: "pid", pid: fixture.pid });
    const before = descriptors();
    const libraries = await withMain(loader, (main) => openLibraries(target, main));
    const paths = libraries.map(({ elf }) => elf.path).sort();
    assert.deepEqual([...paths, loader].sort(), mappedNames(fixture.pid));
    const ours = libraries.filter(({ functions }) => functions.find("mapped").length === 1);
    assert.equal(ours.length, 4);
    close(libraries);
    assert.equal(descriptors(), before);
  });

  it("without the privilege to open mappings are found by name where that is still theirs", async () => {
    using fixture = await startLoader();
    const script = `
      const { readCodeFiles } = await import(${JSON.stringify(`${checkout}build/src/process/index.js`)});
      console.log(JSON.stringify(readCodeFiles(${fixture.pid}).map(({ path, access }) => [path, access])));
    `;
    const privileges = ["--bounding-set", "-sys_admin,-checkpoint_restore"];
    const output = execFileSync("setpriv", [...privileges, process.execPath, "--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const named = mappedNames(fixture.pid).filter((path) => existsSync(path));
    const expected = named.map((path) => [path, `/proc/${fixture.pid}/root${path}`]);
    const found: readonly [string, string][] = JSON.parse(output);
    assert.deepEqual(
      [...found].sort(([a], [b]) => (a < b ? -1 : 1)),
      expected,
    );
  });
});

describe("files of a process' mappings", () => {
  it("are told apart by name, device and inode; memory without a file is none", () => {
    const maps = `
1000-2000 r--p 00000000 fe:00 7 /lib/a.so
2000-3000 r-xp 00001000 fe:00 7 /lib/a.so
3000-4000 r-xp 00000000 fe:00 8 /lib/a.so (deleted)
4000-5000 r-xp 00000000 fe:01 8 /lib/a.so (deleted)
5000-6000 r--p 00000000 fe:00 9 /usr/share/data
6000-7000 rwxp 00000000 00:00 0 
7000-8000 r-xp 00000000 00:00 0 [vdso]
8000-9000 r-xp 00000000 00:01 5 /memfd:jit (deleted)
9000-a000 r--p 00002000 fe:00 7 /lib/a.so
`;
    const files = codeFilesOf(parseMappings(maps.trim()));
    assert.deepEqual(
      files.map(({ path, linkPath, device, inode, mappings }) => [
        path,
        linkPath,
        device,
        inode,
        mappings.map(({ start }) => start),
      ]),
      [
        ["/lib/a.so", "/lib/a.so", "fe:00", 7n, [0x1000, 0x2000, 0x9000]],
        ["/lib/a.so", "/lib/a.so (deleted)", "fe:00", 8n, [0x3000]],
        ["/lib/a.so", "/lib/a.so (deleted)", "fe:01", 8n, [0x4000]],
        ["/memfd:jit", "/memfd:jit (deleted)", "00:01", 5n, [0x8000]],
      ],
    );
  });
});
