import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// What the documents lead to is there.

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
const DOCUMENTS = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "docs/security.md", "examples/README.md"];

/** As GitHub makes the anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
const anchorsOf = (file: string) => [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));

test.each(DOCUMENTS)("every link of %s within the repository leads to a file and a heading of it", (file) => {
  const links = [...read(file).matchAll(/\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)/g)];
  const dead = links.filter(([, path = "", anchor]) => {
    const target = path === "" ? file : join(dirname(file), path);
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});

test("every attack in CONTRIBUTING.md has a test that is there, and their number is right", () => {
  const [, section = ""] = /^### Attacks that are tests\n([\s\S]*?)^##? /m.exec(read("CONTRIBUTING.md")) ?? [];
  const attacks = section.split("\n").filter((line) => line.startsWith("- "));
  expect(Number(/^(\d+) attacks /m.exec(section)?.[1])).toBe(attacks.length);
  const tests = attacks.map((attack) => [...attack.matchAll(/`(test\/\S+\.test\.ts)`/g)].map(([, file = ""]) => file));
  expect(tests.filter((files) => files.length === 0)).toEqual([]);
  expect(tests.flat().filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
