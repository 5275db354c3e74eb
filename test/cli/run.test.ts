import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { runCommandLine } from "../../lib/cli/run.ts";
import { smallCluster } from "../support/project.ts";

// How a command line ends: its exit code, and what stands on standard output and on standard error.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab run-"));
  await writeFile(
    join(folder, "labs.mjs"),
    `import { defineLab } from "redis-lab";\nexport const lab = defineLab(${JSON.stringify(smallCluster())});\n`,
  );
  await writeFile(join(folder, "broken.json"), "{");
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function run(words: readonly string[]) {
  let stdout = "";
  let stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  try {
    const argv = words.map((word) => word.replace("FOLDER", folder));
    return { code: await runCommandLine(argv, new AbortController().signal), stdout: () => stdout, stderr: () => stderr };
  } finally {
    vi.restoreAllMocks();
  }
}

const LABS = ["--labs", "FOLDER/labs.mjs"];

const WRONG_USES: readonly (readonly [words: readonly string[], code: string, says: RegExp])[] = [
  [[], "cli.no-verb", /Usage: redis-lab/],
  [["cluster"], "cli.no-verb", /Usage: redis-lab cluster/],
  [["frob"], "cli.unknown-command", /unknown command 'frob'/],
  [["statsu", "cluster"], "cli.unknown-command", /Did you mean status/],
  [["status"], "cli.missing-argument", /missing required argument 'lab'/],
  [["status", "cluster", "more"], "cli.excess-arguments", /too many arguments/],
  [["up", "cluster", "--frobnicate"], "cli.unknown-option", /unknown option '--frobnicate'/],
  [["up", "cluster", "--target"], "cli.option-missing-argument", /'-t, --target <target>' argument missing/],
  [["inventory", "cluster", "--format", "xml"], "cli.invalid-argument", /Allowed choices are/],
  [["status", "cluster", "--watch", "often"], "cli.invalid-argument", /"often" is not a number/],
  [["status", "nolab", ...LABS], "project.no-such-lab", /There is no lab "nolab"/],
  [["status", "cluster", "--labs", "FOLDER/none.mjs"], "project.no-labs-file", /No labs file/],
  [["up", "cluster", "--target", "moon", ...LABS], "cli.unknown-target", /There is no target "moon"/],
  [["rebuild", "cluster", "--rolling", ...LABS], "operations.no-rolling", /no hardware to change/],
  [["render", "cluster", "redis-99", ...LABS], "operations.unknown-host", /no host "redis-99"/],
  [["render", "cluster", "--os", "beos", ...LABS], "cli.unknown-os", /--os takes rhel or debian/],
  [["apply", "FOLDER/none.json"], "cli.no-plan", /none.json can't be read: ENOENT/],
  [["apply", "FOLDER/broken.json"], "cluster.unreadable-plan", /broken.json is not a plan/],
  [["cluster", "frob", "cluster"], "cli.unknown-command", /unknown command 'frob'/],
  [["cluster", "reshard", "cluster"], "cli.missing-mandatory-option-value", /required option '--from <nodes>' not specified/],
  [
    ["cluster", "reshard", "cluster", "--from", "all", "--to", "redis-18", "--slots", "many"],
    "cli.invalid-argument",
    /"many" is not a number/,
  ],
  [["cluster", "rebalance", "cluster", "--weight", "foo"], "cli.invalid-argument", /"foo" is not a weight/],
  [["cluster", "rebalance", "cluster", "--pipeline", "0"], "cli.invalid-argument", /Give a whole number from 1 on/],
  [["cluster", "rebalance", "cluster", "--max-latency", "soon"], "cli.invalid-argument", /"soon" is not a time/],
  [["cluster", "rebalance", "cluster", "--max-bytes", "few"], "cli.invalid-argument", /"few" is not an amount/],
  [["cluster", "rebalance", "cluster", "--by", "colour"], "cli.invalid-argument", /Allowed choices are slots, keys/],
  [["cluster", "set-timeout", "cluster", "five"], "cli.invalid-argument", /"five" is not a number/],
  [["cluster", "wait", "cluster", "--timeout", "0"], "cli.invalid-argument", /Give a number above 0/],
  [["cluster", "restore", "cluster", "backups", "--compare", "few"], "cli.invalid-argument", /"few" is not a number/],
  [["cluster", "import", "cluster", "--from", "dump.rdb", "--databases", "0,x"], "cli.invalid-argument", /"x" is not a number/],
  [
    ["cluster", "import", "cluster", "--from", "dump.rdb", "--from-password-file", "FOLDER/none", ...LABS],
    "cli.no-password-file",
    /none can't be read: ENOENT/,
  ],
];

test.each(WRONG_USES)("redis-lab %j is wrong use: 64, and said on standard error", async (words, _code, says) => {
  const { code, stdout, stderr } = await run(words);
  expect(stderr()).toMatch(says);
  expect(stderr()).not.toMatch(/^\s+at .*\d+:\d+/m);
  expect(stdout()).toBe("");
  expect(code).toBe(64);
});

// Without a verb, and behind an option that misses its value, --json is not that of a verb.
const WITH_JSON = WRONG_USES.filter(([, code]) => code !== "cli.no-verb" && code !== "cli.option-missing-argument");

test.each(WITH_JSON)("redis-lab %j --json ends with one document", async (words, errorCode) => {
  const { code, stdout, stderr } = await run([...words, "--json"]);
  const { error } = JSON.parse(stdout());
  expect(error).toMatchObject({ code: errorCode, kind: "usage", what: expect.stringMatching(/./), next: expect.stringMatching(/./) });
  expect(stderr()).toBe("");
  expect(code).toBe(64);
});

test("--json without a verb ends with a document too", async () => {
  for (const words of [["--json"], ["cluster", "--json"], ["--json", "up", "cluster", "--target"]]) {
    const { code, stdout, stderr } = await run(words);
    expect(JSON.parse(stdout()).error).toMatchObject({ code: "cli.unknown-option", kind: "usage" });
    expect(stderr()).toBe("");
    expect(code).toBe(64);
  }
});

test.each([
  [["ssh", "cluster", "redis-99", "cat", "--json", ...LABS], /no host "redis-99"/],
  [["cli", "cluster", "redis-18:7000", "get", "--json"], /No labs file|There is no lab|no instance/],
  [["cluster", "frob", "--", "--json"], /unknown command/],
])("--json in %j is not redis-lab's", async (words, says) => {
  const { stdout, stderr, code } = await run(words);
  expect(stderr()).toMatch(says);
  expect(stdout()).toBe("");
  expect([1, 64]).toContain(code);
});

test("a verb without a lab says which labs there are", async () => {
  const plain = await run(["status", ...LABS]);
  expect(plain.stderr()).toContain("The labs here are: cluster.\n");
  const document = await run(["cluster", "check", "--json", ...LABS]);
  expect(JSON.parse(document.stdout()).error.next).toContain("The labs here are: cluster.");
  // Where there is no labs file, or where something else is missing, nothing is added.
  expect((await run(["status", "--labs", "FOLDER/none.mjs"])).stderr()).not.toContain("The labs here are");
  expect((await run(["ssh", "cluster", ...LABS])).stderr()).not.toContain("The labs here are");
});

test("an error document names the lab and the target as far as they are known", async () => {
  const subject = async (...words: readonly string[]) => {
    const { format, lab, target } = JSON.parse((await run([...words, "--json", ...LABS])).stdout());
    return { format, lab, target };
  };
  expect(await subject("rebuild", "cluster", "--rolling")).toEqual({ format: 1, lab: "cluster", target: "local" });
  expect(await subject("up", "cluster", "--target", "moon")).toEqual({ format: 1, lab: "cluster", target: undefined });
  expect(await subject("apply", "FOLDER/none.json")).toEqual({ format: 1, lab: undefined, target: undefined });
});

test("--help and --version end with 0", async () => {
  for (const words of [["--help"], ["--version"], ["up", "--help"], ["cluster", "check", "--help"]]) {
    const { code, stderr } = await run(words);
    expect(stderr()).toBe("");
    expect(code).toBe(0);
  }
});

test("a labs file that can't be loaded is refused, what the system does not do is of the environment: 1", async () => {
  await writeFile(join(folder, "wrong.mjs"), "export const lab = {{;\n");
  const refused = await run(["status", "cluster", "--labs", "FOLDER/wrong.mjs", "--json"]);
  expect(JSON.parse(refused.stdout()).error).toMatchObject({ code: "project.unreadable-labs-file", kind: "refused" });
  expect(refused.code).toBe(1);
  const absent = await run(["render", "cluster", "--out", "/proc/nowhere", "--json", ...LABS]);
  expect(JSON.parse(absent.stdout()).error).toMatchObject({ code: "file.not-written", kind: "environment" });
  expect(absent.code).toBe(1);
});
