import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { AnswerCache } from "../../src/cache/index.js";

const scratch = mkdtempSync(join(tmpdir(), "gospect-cache-"));
after(() => rmSync(scratch, { recursive: true }));

const NOBODY = 65534;
let made = 0;

/** A home of its own for each test. */
function freshHome(): string {
  const home = join(scratch, `${made++}`);
  mkdirSync(home);
  return home;
}

const openAt = (home: string, build: string | undefined = "build"): AnswerCache | undefined =>
  AnswerCache.open({ environment: { XDG_CACHE_HOME: home }, build });

function cacheAt(home: string, build?: string): AnswerCache {
  const cache = openAt(home, build);
  assert.ok(cache !== undefined);
  return cache;
}

const ANSWER = "what took long\n".repeat(100);
const answered = (cache: AnswerCache, question = "a question"): string | undefined => cache.find(question)?.toString();

/** A home whose cache has one answer, and its file. */
function homeWithAnswer(): { readonly home: string; readonly folder: string; readonly entry: string } {
  const home = freshHome();
  cacheAt(home).keep("a question", [Buffer.from(ANSWER.slice(0, 7)), Buffer.from(ANSWER.slice(7))]);
  const folder = join(home, "gospect", "answers");
  const [name = ""] = readdirSync(folder);
  return { home, folder, entry: join(folder, name) };
}

test("an answer is found again by its question and its program, and by nothing else", () => {
  const { home } = homeWithAnswer();
  assert.equal(answered(cacheAt(home)), ANSWER);
  assert.equal(answered(cacheAt(home), "another question"), undefined);
  assert.equal(answered(cacheAt(home, "another build")), undefined);
});

test("a program without a name of its own has no cache", () => {
  const home = freshHome();
  assert.equal(AnswerCache.open({ environment: { XDG_CACHE_HOME: home }, build: undefined }), undefined);
  assert.deepEqual(readdirSync(home), []);
});

test("folder and file are the user's alone, and nothing unfinished is left", () => {
  const { folder, entry } = homeWithAnswer();
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(entry).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), [entry.slice(folder.length + 1)]);
});

test("it is in .cache of HOME where nothing else is said", () => {
  const home = freshHome();
  const environment = { HOME: home, XDG_CACHE_HOME: "relative" };
  AnswerCache.open({ environment, build: "build" })?.keep("q", [Buffer.from("a")]);
  assert.equal(readdirSync(join(home, ".cache", "gospect", "answers")).length, 1);
});

test("without a place that can be written there is no cache", () => {
  for (const environment of [{}, { HOME: "relative" }, { HOME: "/proc/1/nowhere" }, { XDG_CACHE_HOME: "/dev/null" }]) {
    assert.equal(AnswerCache.open({ environment, build: "build" }), undefined, JSON.stringify(environment));
  }
});

test("no truncated or changed answer is an answer, and the next one takes its place", () => {
  const { home, entry } = homeWithAnswer();
  const whole = readFileSync(entry);
  const cache = cacheAt(home);
  const damaged: Buffer[] = [Buffer.alloc(0), Buffer.concat([whole, Buffer.from("x")])];
  for (let length = 0; length < whole.length; length += 13) damaged.push(whole.subarray(0, length));
  for (let bit = 0; bit < whole.length * 8; bit += 61) {
    const copy = Buffer.from(whole);
    copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    damaged.push(copy);
  }
  for (const bytes of damaged) {
    writeFileSync(entry, bytes);
    assert.equal(answered(cache), undefined);
  }
  cache.keep("a question", [Buffer.from("again")]);
  assert.equal(answered(cache), "again");
});

test("the answer to another question is none under this one's name", () => {
  const { home, folder, entry } = homeWithAnswer();
  const cache = cacheAt(home);
  cache.keep("another question", [Buffer.from("another answer")]);
  const other = readdirSync(folder).find((name) => !entry.endsWith(name)) ?? "";
  renameSync(join(folder, other), entry);
  assert.equal(answered(cache), undefined);
});

test("what others could have put there is not read", () => {
  const { home, folder, entry } = homeWithAnswer();
  const cache = cacheAt(home);
  const bytes = readFileSync(entry);

  chmodSync(entry, 0o644);
  assert.equal(answered(cache), undefined, "others can read it");
  rmSync(entry);
  writeFileSync(join(home, "elsewhere"), bytes, { mode: 0o600 });
  symlinkSync(join(home, "elsewhere"), entry);
  assert.equal(answered(cache), undefined, "a link");
  rmSync(entry);
  mkdirSync(entry);
  assert.equal(answered(cache), undefined, "a folder");
  cache.keep("a question", [Buffer.from("again")]);
  assert.deepEqual(readdirSync(folder), [entry.slice(folder.length + 1)], "nothing unfinished");
  rmSync(entry, { recursive: true });
  execFileSync("mkfifo", ["-m", "600", entry]);
  assert.equal(answered(cache), undefined, "a pipe that nobody writes to");
});

test("a folder that others can change is not used", () => {
  const { home, folder } = homeWithAnswer();
  chmodSync(folder, 0o770);
  assert.equal(openAt(home), undefined);
  chmodSync(folder, 0o700);
  renameSync(folder, join(home, "elsewhere"));
  symlinkSync(join(home, "elsewhere"), folder);
  assert.equal(openAt(home), undefined, "a link");
});

test("another user's folder is neither read nor written to", () => {
  let home = "/";
  if (process.geteuid?.() === 0) {
    home = homeWithAnswer().home;
    chownSync(home, NOBODY, NOBODY);
  }
  const before = readdirSync(home);
  assert.equal(openAt(home), undefined);
  assert.deepEqual(readdirSync(home), before);
});

test("what was used longest ago makes room", () => {
  const home = freshHome();
  const cache = cacheAt(home);
  const questions = Array.from({ length: 270 }, (_, index) => `question ${index}`);
  for (const question of questions) {
    cache.keep(question, [Buffer.from(question)]);
    assert.equal(answered(cache, "question 0"), "question 0");
  }
  assert.equal(readdirSync(join(home, "gospect", "answers")).length, 256);
  assert.deepEqual(
    questions.filter((question) => answered(cache, question) === undefined),
    questions.slice(1, 15),
  );
});
