import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OS_FAMILIES, OS_FAMILY_NAMES } from "../lib/lab/os.ts";
import { TARGET_NAMES } from "../lib/lab/targets.ts";
import {
  ARROWS,
  HOMES,
  NAMED_AFTER_A_MATTER,
  PASSED_STREAMS,
  PURE,
  SPANNING,
  STACKS,
  WIRE_WORDS_ELSEWHERE,
  WRITERS,
} from "./support/rooms.ts";
import { codeOf, filesBelow, importsOf, packageOf, root, targetOf, textOf } from "./support/source-files.ts";

// Holds what CONTRIBUTING.md says about the rooms of lib/, by the tables of support/rooms.ts.

const sources = filesBelow("lib", /\.ts$/);
/** Without the labs, which are data. */
const stacks = filesBelow("stacks", /\.ts$/).filter((file) => file !== "stacks/labs.ts");

/** `lib/redis/words/4.0.ts` → `redis`; undefined for the files directly in lib/. */
function roomOf(file: string): string | undefined {
  const [, room, rest] = file.split("/");
  return rest === undefined ? undefined : room;
}

const imports = sources.flatMap(importsOf);

test("the parser of imports sees them all", () => {
  expect(imports.length).toBeGreaterThan(400);
  const quoted = sources.flatMap((file) => [...codeOf(file).matchAll(/(?:\bfrom|\bimport\()\s*"(\.[^"]+\.ts|node:[^"]+)"/g)]);
  expect(imports.filter(({ specifier }) => /^(\.|node:)/.test(specifier))).toHaveLength(quoted.length);
});

test("every room is in the table of arrows", () => {
  const rooms = [...new Set(sources.flatMap((file) => roomOf(file) ?? []))];
  expect(rooms.filter((room) => ARROWS[room] === undefined)).toEqual([]);
});

test("the rooms of cluster/ follow the sentence: observe, findings, plan, apply", () => {
  const order = ["model", "gossip", "findings", "move", "plan", "apply"];
  const wrong = imports.flatMap((each) => {
    const target = targetOf(each);
    if (!each.from.startsWith("lib/cluster/") || target?.startsWith("lib/cluster/") !== true) return [];
    const [from, to] = [each.from, target].map((file) => order.indexOf(file.split("/")[2] ?? ""));
    return from === -1 || to === -1 || (from ?? 0) < (to ?? 0) ? [`${each.from} imports ${target}`] : [];
  });
  expect(wrong).toEqual([]);
});

test("an exported type name stands for one thing", () => {
  const names = sources.flatMap((file) =>
    [...codeOf(file).matchAll(/^export (?:interface|type|class) (\w+)/gm)].map(([, name = ""]) => name),
  );
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("imports follow the arrows between the rooms", () => {
  const wrong = imports.flatMap((each) => {
    const target = targetOf(each);
    if (target === undefined) return [];
    if (!target.startsWith("lib/")) return [`${each.from} imports ${target}, outside lib`];
    const [from, to] = [roomOf(each.from), roomOf(target)];
    // lib/index.ts is the door of the package; nobody inside goes out through it.
    if (target === "lib/index.ts") return [`${each.from} imports lib/index.ts`];
    if (to === "base" || to === undefined || from === undefined || from === to || each.from === "lib/index.ts") return [];
    const arrow = ARROWS[from]?.[to];
    if (arrow === undefined) return [`${each.from} imports ${target}: there is no arrow ${from} → ${to}`];
    const file = target.slice(`lib/${to}/`.length).replace(/\.ts$/, "");
    if (arrow.types && !each.types) return [`${each.from} imports more than types of ${target}`];
    return arrow.only === undefined || arrow.only.test(file)
      ? []
      : [`${each.from} imports ${target}: ${from} → ${to} is for ${arrow.only} alone`];
  });
  expect(wrong).toEqual([]);
});

test("no files import each other in a circle, types included", () => {
  const targets = new Map(
    sources.map((file) => [file, imports.filter(({ from }) => from === file).flatMap((each) => targetOf(each) ?? [])]),
  );
  const done = new Set<string>();
  const circleFrom = (file: string, way: readonly string[]): string | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(" → ");
    if (done.has(file)) return undefined;
    for (const target of targets.get(file) ?? []) {
      const circle = circleFrom(target, [...way, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  expect(sources.flatMap((file) => circleFrom(file, []) ?? [])).toEqual([]);
});

test("the arrows have no circle", () => {
  const done = new Set<string>();
  const visit = (room: string, path: readonly string[]): void => {
    if (path.includes(room)) throw new Error([...path, room].join(" → "));
    if (done.has(room)) return;
    for (const next of Object.keys(ARROWS[room] ?? {})) visit(next, [...path, room]);
    done.add(room);
  };
  for (const room of Object.keys(ARROWS)) visit(room, []);
});

test("packages are imported in their own room alone, and cdktf nowhere in lib", () => {
  const wrong = imports.flatMap(({ from, specifier }) => {
    const name = packageOf(specifier);
    if (/^(cdktf|cdktn|constructs)$/.test(name)) return [`${from} imports ${name}`];
    const home = HOMES[name];
    return home === undefined || home.test(from) ? [] : [`${from} imports ${name}`];
  });
  expect(wrong).toEqual([]);
});

test("stacks import what a lab is, and leave machines to Terraform and redis-lab", () => {
  const wrong = stacks.flatMap(importsOf).flatMap((each) => {
    const target = targetOf(each);
    const name = packageOf(each.specifier);
    if (target === undefined) {
      if (name === "@cdktf/provider-libvirt" && !each.from.startsWith("stacks/constructs/"))
        return [`${each.from} imports a raw provider class`];
      if (/^node:(net|tls|http|https|http2|dgram|dns|child_process)$/.test(name)) return [`${each.from} imports ${name}`];
      return name.startsWith("node:") || /^(cdktf|constructs|@cdktf\/provider-libvirt)$/.test(name) ? [] : [`${each.from} imports ${name}`];
    }
    if (target.startsWith("stacks/")) return target === "stacks/labs.ts" ? [`${each.from} imports the labs of this checkout`] : [];
    const arrow = STACKS[roomOf(target) ?? ""];
    if (roomOf(target) === undefined) return target === "lib/index.ts" ? [`${each.from} imports lib/index.ts`] : [];
    const file = target.split("/").slice(2).join("/").replace(/\.ts$/, "");
    return arrow !== undefined && (arrow.only?.test(file) ?? true) ? [] : [`${each.from} imports ${target}`];
  });
  expect(wrong).toEqual([]);
});

test("rooms that decide do no input or output of their own", () => {
  const wrong = imports.flatMap(({ from, specifier }) => {
    const allowed = PURE[roomOf(from) ?? ""];
    if (allowed === undefined || !specifier.startsWith("node:")) return [];
    return allowed[specifier]?.test(from.split("/").slice(2).join("/")) ? [] : [`${from} imports ${specifier}`];
  });
  expect(wrong).toEqual([]);
});

test("files are written through lib/base/atomic.ts, and nothing needs hard links", () => {
  const writes = /\b(writeFile|appendFile|rename|copyFile|createWriteStream|truncate|cp|open|writeFileSync|openSync|mkdtemp)\b/;
  const writing = new Map(
    sources.flatMap((file) => {
      const names = [...codeOf(file).matchAll(/^import \{([^}]*)\} from "node:fs(?:\/promises)?";/gm)].map(([, text = ""]) => text).join();
      return names === "" ? [] : [[file, names] as const];
    }),
  );
  expect([...writing].filter(([, names]) => /\blink\b/.test(names)).map(([file]) => file)).toEqual([]);
  // Opening to read is not a writing.
  const wrong = [...writing].filter(
    ([file, names]) =>
      writes.test(names.replace(/\bopen\b/, /\bopen\([^)]*"(?:[wa]|r\+)/.test(codeOf(file)) ? "open" : "")) && WRITERS[file] === undefined,
  );
  expect(wrong.map(([file]) => file)).toEqual([]);
  for (const file of Object.keys(WRITERS)) expect(writes.test(writing.get(file) ?? ""), `${file} writes no more`).toBe(true);
});

test("what is slow to load waits until it is needed", () => {
  const closure = (start: string): ReadonlyMap<string, readonly string[]> => {
    const seen = new Map<string, readonly string[]>();
    const visit = (file: string, path: readonly string[]): void => {
      if (seen.has(file)) return;
      seen.set(file, path);
      for (const each of imports.filter(({ from, types, lazy }) => from === file && !types && !lazy)) {
        const target = targetOf(each);
        visit(target ?? packageOf(each.specifier), [...path, file]);
      }
    };
    visit(start, []);
    return seen;
  };
  const first = closure("lib/cli/main.ts");
  for (const name of ["ssh2", "listr2", "jiti", "handlebars", "cli-table3", "yaml", "@redis/client"])
    expect(first.get(name) ?? [], `${name} is loaded before the command line is read`).toEqual([]);
  const trib = closure("lib/cli/trib.ts");
  for (const name of ["commander", "valibot", "p-limit", "@redis/client", "lib/cluster/model/slots.ts"])
    expect(trib.get(name) ?? [], `${name} is loaded before the command line of redis-trib is read`).toEqual([]);
  for (const verb of filesBelow("lib/cli/verbs", /\.ts$/))
    for (const name of ["ssh2", "listr2", "jiti"])
      expect(closure(verb).get(name) ?? [], `${name} is loaded by ${verb}, needed or not`).toEqual([]);
});

test("stacks/labs.ts is plain data", () => {
  expect(importsOf("stacks/labs.ts").map(({ specifier }) => specifier)).toEqual(["redis-lab"]);
});

test("only report and cli print, and only cli ends the process", () => {
  const wrong = sources.flatMap((file) => {
    const code = codeOf(file);
    return [
      ...(!file.startsWith("lib/cli/") &&
      /\bconsole\.(log|error|warn|info|debug|trace|table|dir|group|assert|time)\b|\bprocess\.(exit|exitCode|abort)\b/.test(code)
        ? [`${file} ends the process or uses the console`]
        : []),
      ...(!/^lib\/(cli|report)\//.test(file) && /\bprocess\.(stdout|stderr)\b/.test(code) ? [`${file} prints`] : []),
    ];
  });
  expect(wrong).toEqual([]);
});

test("what is printed passes the one place that takes out what a terminal obeys", () => {
  const writes = sources.filter((file) => /\bprocess\.(stdout|stderr)\.write\b/.test(codeOf(file)));
  expect(writes).toEqual(["lib/report/print.ts"]);
  // Others ask what a stream is, or hand it to what types and moves the cursor there.
  const handed = sources.filter((file) => /\bprocess\.(stdout|stderr)\b(?!\.(isTTY|columns|rows)\b)/.test(codeOf(file)));
  expect(handed.filter((file) => file !== "lib/report/print.ts" && PASSED_STREAMS[file] === undefined)).toEqual([]);
  for (const file of Object.keys(PASSED_STREAMS)) expect(handed, `${file} hands on no stream any more`).toContain(file);
});

test("nothing pauses but waitFor, and `status --watch` as it was asked to", () => {
  const delays = imports.filter(({ specifier }) => specifier.startsWith("node:timers")).map(({ from }) => from);
  expect([...new Set(delays)]).toEqual(["lib/base/wait.ts", "lib/cli/verbs/watch.ts"]);
});

test("nothing is decided by the name of an OS family or a target: their rows have capabilities", () => {
  const names = [...OS_FAMILY_NAMES, ...Object.values(OS_FAMILIES).flatMap(({ ids }) => ids), ...TARGET_NAMES].join("|");
  const decision = new RegExp(`(?:[!=]==|\\bcase)\\s*"(?:${names})"|"(?:${names})"\\s*[!=]==`, "g");
  const wrong = sources.flatMap((file) => {
    // A capability is asked so; its values happen to have the same names.
    const code = codeOf(file).replaceAll(/capabilities\.(connection|supervisor) [!=]== "\w+"/g, "");
    return [...code.matchAll(decision)].map(([text]) => `${file}: ${text}`);
  });
  expect(wrong).toEqual([]);
});

test("the code says replica; the wire words are for lib/redis and the templates", () => {
  const wrong = sources.filter(
    (file) => !file.startsWith("lib/redis/") && !WIRE_WORDS_ELSEWHERE.includes(file) && /\bslave/i.test(codeOf(file)),
  );
  expect(wrong).toEqual([]);
});

test("no exception outlives its reason", () => {
  for (const file of WIRE_WORDS_ELSEWHERE) expect(codeOf(file), file).toMatch(/slave/i);
  for (const file of Object.keys(NAMED_AFTER_A_MATTER)) expect(existsSync(join(root, file)), file).toBe(true);
});

test("tests mirror the paths of lib and stacks", () => {
  const wrong = filesBelow("test", /\.test\.ts$/)
    .filter((file) => !SPANNING.test(file) && NAMED_AFTER_A_MATTER[file] === undefined)
    // `conf-properties.test.ts` is a part of the tests of `conf.ts`.
    .filter((file) => {
      const parts = file
        .replace(/^test\/(?!stacks\/)/, "lib/")
        .replace(/^test\/stacks\//, "stacks/")
        .replace(/\.test\.ts$/, "")
        .split("-");
      return !parts.some((_, index) => [...sources, ...stacks].includes(`${parts.slice(0, index + 1).join("-")}.ts`));
    });
  expect(wrong).toEqual([]);
});

test("no file is longer than 400 lines", () => {
  const all = ["lib", "test", "stacks", "scripts", "bench"].flatMap((folder) => filesBelow(folder, /\.(ts|mjs)$/));
  const long = all.map((file) => ({ file, lines: textOf(file).split("\n").length - 1 })).filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});
