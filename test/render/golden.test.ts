import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { OS_FAMILY_NAMES, type OsFamilyName } from "../../lib/lab/os.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import type { TargetName } from "../../lib/lab/targets.ts";
import { renderHost } from "../../lib/render/render.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { hostOf, placed, SECRETS } from "./placements.ts";

// The files of every host, byte for byte. After a wanted change: UPDATE_GOLDEN=1 npx vitest run test/render/golden.test.ts, and review the difference.
const GOLDEN = new URL("../golden/", import.meta.url).pathname;

interface Case {
  readonly lab: Lab;
  readonly target: TargetName;
  readonly host: string;
  readonly os: OsFamilyName;
  /** Below the golden files. */
  readonly folder: string;
}

/** The family of the image of both labs. */
const OS: OsFamilyName = "rhel";
const lastOf = ({ hosts }: Lab): string => hosts.at(-1)?.name ?? "";

// Every host with the family of the labs' image; of every other family one host of each lab, as it differs by host in no other way.
const CASES: readonly Case[] = [cluster, sentinel].flatMap((lab) => [
  ...lab.hosts.map(({ name }): Case => ({ lab, target: "ssh", host: name, os: OS, folder: join(lab.name, "ssh", name) })),
  { lab, target: "local", host: lastOf(lab), os: OS, folder: join(lab.name, "local", lastOf(lab)) },
  ...OS_FAMILY_NAMES.filter((os) => os !== OS).map(
    (os): Case => ({ lab, target: "ssh", host: lastOf(lab), os, folder: join("os", os, lab.name, lastOf(lab)) }),
  ),
]);

describe.each(CASES)("$lab.name on $target, $os: $host", ({ lab, target, host, os, folder: below }) => {
  const folder = join(GOLDEN, below);
  const placement = placed(lab, target);
  const files = renderHost(placement, hostOf(placement, host), SECRETS, os);
  const wanted = new Map(files.map(({ path, content }) => [path.slice(1), content]));
  // What is not in the content of the files.
  wanted.set(
    "files.txt",
    `${files.map(({ path, mode, owner, kind, step, instance }) => [path, mode.toString(8), owner, kind, step, instance ?? "-"].join(" ")).join("\n")}\n`,
  );

  test("renders the recorded files and no others", async () => {
    if (process.env["UPDATE_GOLDEN"] === "1") await record(folder, wanted);
    expect(Object.fromEntries(wanted)).toEqual(Object.fromEntries(await recorded(folder)));
  });
});

async function record(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function recorded(folder: string): Promise<Map<string, string>> {
  // A case that is new shows all its files as missing.
  if (!existsSync(folder)) return new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path, "utf8")] as const)));
}
