import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CompletionNames, completions } from "../../lib/cli/completion-words.ts";
import { VERB_TABLE } from "../../lib/cli/verb-table.ts";
import { MAIN, smallCluster } from "../support/project.ts";

const NAMES: CompletionNames = {
  labs: ["cluster", "sentinel"],
  hosts: (lab) => (lab === "cluster" ? ["redis-18", "redis-28"] : []),
  instances: (lab) => (lab === "cluster" ? ["redis-18:6379", "redis-28:6379"] : []),
  nodeIds: async (lab) =>
    lab === "cluster" ? ["07c37dfeb235213a872192d90877d0cd55635b91", "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca"] : [],
};
const complete = (...words: readonly string[]) => completions(VERB_TABLE, words, async () => NAMES);

test("a verb, then a lab, then what the verb's arguments name", async () => {
  expect(await complete("st")).toEqual(expect.arrayContaining(["status", "stop", "start"]));
  expect(await complete("status", "")).toEqual(["cluster", "sentinel"]);
  expect(await complete("ssh", "cluster", "redis-2")).toEqual(["redis-28"]);
  expect(await complete("stop", "cluster", "redis-2")).toEqual(["redis-28", "redis-28:6379"]);
  expect(await complete("cluster", "dr")).toEqual(["drain"]);
  expect(await complete("cluster", "drain", "cluster", "redis-18", "redis-28:")).toEqual(["redis-28:6379"]);
  expect(await complete("cluster", "del-node", "cluster", "07")).toEqual(["07c37dfeb235213a872192d90877d0cd55635b91"]);
  expect(await complete("cluster", "del-node", "cluster", "r")).toEqual(["redis-18", "redis-28", "redis-18:6379", "redis-28:6379"]);
  // Of another lab nothing is known, and a command for a host is the user's own.
  expect(await complete("ssh", "elsewhere", "")).toEqual([]);
  expect(await complete("ssh", "cluster", "redis-18", "--", "")).toEqual([]);
  expect(await complete("frob", "")).toEqual([]);
});

test("options, and the values that they take", async () => {
  expect(await complete("status", "cluster", "--w")).toEqual(["--watch"]);
  expect(await complete("status", "cluster", "--j")).toEqual(["--json"]);
  expect(await complete("status", "--target", "l")).toEqual(["local", "libvirt"]);
  expect(await complete("status", "-t", "local", "")).toEqual(["cluster", "sentinel"]);
  expect(await complete("inventory", "cluster", "--format", "pro")).toEqual(["prometheus"]);
  expect(await complete("cluster", "reshard", "cluster", "--to", "redis-1")).toEqual(["redis-18", "redis-18:6379"]);
  // A value that is a file is left to the shell.
  expect(await complete("status", "--labs", "")).toEqual([]);
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab completion-"));
  const { redis: _, ...lab } = smallCluster();
  await writeFile(
    join(folder, "labs.mjs"),
    `import { defineLab } from "redis-lab";\nexport const lab = defineLab(${JSON.stringify(lab)});\n`,
  );
  await writeFile(join(folder, "redis-lab"), `#!/bin/sh\nexec ${process.execPath} '${MAIN}' "$@"\n`, { mode: 0o755 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment = () => ({ PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, SHELL: "/bin/bash" });
const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

test("completion install is done once, and bash completes names with colons", async () => {
  const install = () =>
    execFileSync(join(folder, "redis-lab"), ["completion", "install"], { cwd: folder, env: environment(), encoding: "utf8" });
  expect(install()).toContain("makes bash complete");
  const rc = await readFile(join(folder, ".bashrc"), "utf8");
  install();
  expect(await readFile(join(folder, ".bashrc"), "utf8")).toBe(rc);
  const ask = (line: string) =>
    execFileSync(
      "bash",
      [
        "--norc",
        "-c",
        `. "$HOME/.bashrc"; COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; _redis_lab; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      {
        cwd: folder,
        env: environment(),
        encoding: "utf8",
      },
    ).trim();
  expect(ask("redis-lab status clu")).toBe("cluster");
  expect(ask("redis-lab stop cluster ").split("\n")).toContain("redis-18:6379");
  // What stands before the colon is there already.
  expect(ask("redis-lab stop cluster redis-18:")).toBe("6379");
});

test("zsh and fish read their scripts", async (context) => {
  const shells = (["zsh", "fish"] as const).filter(has);
  if (shells.length === 0) return context.skip();
  for (const shell of shells) {
    const script = execFileSync(join(folder, "redis-lab"), ["completion", "print", "--shell", shell], {
      env: environment(),
      encoding: "utf8",
    });
    await writeFile(join(folder, `script.${shell}`), script);
    expect(spawnSync(shell, ["-n", join(folder, `script.${shell}`)], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  }
  if (!shells.includes("fish")) return;
  const fish = execFileSync(
    "fish",
    ["-N", "-c", `source ${JSON.stringify(join(folder, "script.fish"))}; complete -C 'redis-lab stop cluster redis-18:'`],
    {
      cwd: folder,
      env: environment(),
      encoding: "utf8",
    },
  );
  expect(fish).toContain("redis-18:6379");
});
