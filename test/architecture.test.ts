import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOf, filesBelow, importsOf, packageOf, root, targetOf, textOf } from "./support/source-files.ts";

// Holds what CONTRIBUTING.md says about the rooms of lib/. A rule that must be broken is changed here, in its table, with the reason.

/** An arrow between two rooms: which files may be imported over it, and whether types alone. */
interface Arrow {
  /** Files of the room that is imported, without `.ts`. @default all */
  readonly only?: RegExp;
  readonly types?: true;
  readonly why: string;
}

/** `room → room it may import`. The files directly in lib/ (error, events, wait) belong to everybody. */
const ARROWS: Readonly<Record<string, Readonly<Record<string, Arrow>>>> = {
  redis: {},
  lab: { redis: { only: /^words$/, why: "a lab is checked against the words of its Redis version" } },
  project: {
    lab: { why: "it loads labs, and keeps their secrets and state" },
    connection: { only: /^key-pair$/, why: "it makes the key of a lab" },
  },
  render: {
    lab: { why: "files are derived from a placed lab" },
    redis: { only: /^(words|split|conf-value)$/, why: "directives have the version's names, values the quotes that Redis reads" },
  },
  connection: { lab: { types: true, why: "the ssh settings of a host are its input" } },
  bootstrap: {
    lab: { why: "a host is brought to what the placement says" },
    render: { why: "files, and the table of OS families" },
    connection: { why: "everything on a host is done through it" },
    redis: { only: /^(words|conf|conf-runtime)$/, why: "configurations are merged around what Redis wrote; no server is spoken to" },
  },
  libvirt: {
    lab: { why: "what the VMs of a lab are called, and what they are made from" },
    bootstrap: { only: /^(cache|download)$/, why: "images are fetched and kept as sources are" },
    connection: { only: /^quote$/, why: "a serial console needs a shell around virsh" },
  },
  cluster: {
    redis: { why: "the servers are spoken to through it" },
    lab: { only: /^(instances|placement)$/, why: "declared roles" },
  },
  sentinel: {
    redis: { why: "the servers are spoken to through it" },
    lab: { only: /^(instances|placement|secrets|schema)$/, why: "declared roles and the password" },
  },
  trib: {
    cluster: { why: "it says in redis-trib's words what the engine plans and does" },
    redis: { only: /^(client|info|reply-error|types)$/, why: "call and import speak to servers themselves" },
    connection: { only: /^sockets$/, why: "it reaches nodes from this computer alone" },
  },
  operations: {
    bootstrap: { why: "hosts first" },
    cluster: { why: "then the layout" },
    sentinel: { why: "then the layout" },
    connection: { why: "a session opens and closes the connections" },
    libvirt: { why: "VMs are looked at, and told to start and stop, around what Terraform does" },
    project: { why: "state, secrets and lock" },
    lab: { why: "the lab itself" },
    render: { why: "doctor compares with the wanted files" },
    redis: { why: "it hands clients to the engines, and sets at run time what needs no restart" },
  },
  report: {
    operations: { types: true, why: "it shows results and decides nothing" },
    bootstrap: { types: true, why: "plans of hosts" },
    cluster: { types: true, why: "plans and findings" },
    sentinel: { types: true, why: "plans and findings" },
    lab: { types: true, why: "the inventory" },
  },
  cli: {
    trib: { why: "redis-trib is a command line of its own" },
    operations: { why: "a verb is one call of these" },
    report: { why: "and one of these" },
    project: { why: "labs file, target, secrets" },
    lab: { why: "inventory and render need no session" },
    render: { why: "the verb render" },
    redis: { why: "the verb cli formats replies" },
    cluster: {
      only: /^(plan-moves|membership|saved-plan|errors|look|types)$/,
      why: "the request of a cluster verb is a plan in the making",
    },
    connection: { only: /^quote$/, why: "the verb logs runs tail" },
    bootstrap: { types: true, why: "what events and plans hold" },
  },
};

/** What the stacks may use of lib/, besides the files directly in it. They make no machines themselves, and so need no connection and no engine. */
const STACKS: Readonly<Record<string, Arrow>> = {
  lab: { why: "a stack is derived from a lab" },
  render: { why: "cloud-init, and the digest of what the hosts are to have" },
  project: { why: "labs file, key, generated passwords and what was applied last" },
  libvirt: { only: /^images$/, why: "where the image lies that preflight fetches" },
};

/** Packages that one room alone may import, so that they can be replaced, and are loaded only where they are needed. */
const HOMES: Readonly<Record<string, RegExp>> = {
  ssh2: /^lib\/connection\/(ssh|key-pair)/,
  commander: /^lib\/cli\/(main|program|cluster-program|values)\.ts$/,
  listr2: /^lib\/report\/progress-terminal\.ts$/,
  "cli-table3": /^lib\/report\//,
  picocolors: /^lib\/report\//,
  yaml: /^lib\/report\//,
  jiti: /^lib\/project\//,
  handlebars: /^lib\/render\/template\.ts$/,
  "@redis/client": /^lib\/redis\//,
  "@xmldom/xmldom": /^lib\/libvirt\/xml\.ts$/,
  valibot: /^lib\/(lab|project|cluster\/(journal|saved-plan|transfer\/manifest))/,
};

/** Rooms that reach the outside through what they are handed: which modules of Node they may import all the same. */
const PURE: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  lab: { "node:crypto": /^(secrets|vms)\.ts$/ },
  render: { "node:crypto": /^digest\.ts$/, "node:fs": /^template\.ts$/, "node:path": /^template\.ts$/, "node:url": /^template\.ts$/ },
  redis: { "node:buffer": /./, "node:crypto": /./, "node:stream": /./ },
  cluster: {
    // transfer/: files that are imported and backups are on this computer, and so is the server that reads them.
    "node:fs/promises": /^(journal|transfer\/(data-file|check-rdb|temporary-server|snapshot|backup|verify))\.ts$/,
    "node:fs": /^transfer\/(temporary-server|verify)\.ts$/,
    "node:path": /^(journal|transfer\/(data-file|temporary-server|backup|verify|restore))\.ts$/,
    "node:os": /^transfer\/temporary-server\.ts$/,
    "node:events": /^transfer\/temporary-server\.ts$/,
    "node:net": /^transfer\/temporary-server\.ts$/,
    "node:child_process": /^transfer\/temporary-server\.ts$/,
    "node:stream": /^transfer\/snapshot\.ts$/,
    "node:crypto": /^(journal|saved-plan|transfer\/(snapshot|backup|verify))\.ts$/,
  },
  sentinel: {},
  trib: { "node:dns/promises": /^addresses\.ts$/, "node:net": /^addresses\.ts$/ },
};

/** Words that name an OS family, a target or a Redis version outside the three tables. */
const NAMED_ELSEWHERE: readonly { readonly file: string; readonly word: string; readonly why: string }[] = [
  { file: "lib/cli/program.ts", word: "ssh", why: "the verb of that name" },
  { file: "lib/bootstrap/wanted.ts", word: "debian", why: "a host that is not managed gets nothing of the family's row" },
  { file: "lib/project/state.ts", word: "local", why: "default of --target" },
  { file: "lib/operations/local-build.ts", word: "local", why: "what `npm test` compiles is what `--target local` would" },
  { file: "lib/operations/shell-command.ts", word: "ssh", why: "the program of that name" },
  { file: "lib/report/inventory.ts", word: "local", why: "ansible_connection" },
  { file: "lib/report/inventory.ts", word: "ssh", why: "the program of that name" },
  { file: "lib/lab/inventory.ts", word: "ssh", why: "the field of that name" },
  { file: "lib/lab/schema.ts", word: "4.0.14", why: "default version" },
  { file: "lib/lab/schema.ts", word: "local", why: "name of the default hypervisor, and Terraform's name of a backend" },
  { file: "lib/redis/conf.ts", word: "7.0", why: "which directives repeat where the version is not known: those of the newest line" },
];
const TABLES = /^lib\/(render\/os|lab\/os-families|lab\/images|lab\/targets|redis\/words|redis\/words\/.*|bootstrap\/known-releases)\.ts$/;

/** Where the wire words of Redis are written outside lib/redis, templates and comments. */
const WIRE_WORDS_ELSEWHERE: readonly string[] = [
  "lib/lab/reserved-directives.ts",
  "lib/operations/doctor/instance-checks.ts",
  "lib/trib/words.ts",
];

/** Tests that are named after what they hold and not after a source file. */
const NAMED_AFTER_A_MATTER: Readonly<Record<string, string>> = {
  "test/architecture.test.ts": "this file",
  "test/cluster/create.test.ts": "observe, plan and apply together, on real servers",
  "test/redis/parsers.test.ts": "all parsers, on recorded replies",
  "test/cluster/requests.test.ts": "requests of users as plans: plan-moves, membership, references, differences",
  "test/cluster/move/sweep.test.ts": "moves that end anywhere, and what recovers from that",
  "test/trib/differential.test.ts": "what redis-cli --cluster plans on the same servers",
  "test/trib/transcripts.test.ts": "what redis-trib.rb itself said, on real servers",
  "test/render/golden.test.ts": "every file of both labs, byte for byte",
  "test/render/centos-7.test.ts": "what CentOS 7 needs otherwise than a newer system",
  "test/render/servers.test.ts": "real servers start from the files",
  "test/render/systemd-219.test.ts": "units of all labs, as the systemd of CentOS 7 reads them",
  "test/render/values.test.ts": "values stay inert in every template",
  "test/stacks/golden.test.ts": "the stacks of both labs, byte for byte",
  "test/stacks/way-out.test.ts": "the compiled app, with cdktn in the place of cdktf",
  "test/sentinel/form.test.ts": "observe, plan and apply together, on real servers",
  "test/bootstrap/up-local.test.ts": "all steps together, on this computer",
};
/** Folders of tests that span rooms. */
const SPANNING = /^test\/(integration|machines|package|vms)\//;

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

test("imports follow the arrows between the rooms", () => {
  const wrong = imports.flatMap((each) => {
    const target = targetOf(each);
    if (target === undefined) return [];
    if (!target.startsWith("lib/")) return [`${each.from} imports ${target}, outside lib`];
    const [from, to] = [roomOf(each.from), roomOf(target)];
    // lib/index.ts is the door of the package; nobody inside goes out through it.
    if (target === "lib/index.ts") return [`${each.from} imports lib/index.ts`];
    if (to === undefined || from === to || each.from === "lib/index.ts") return [];
    if (from === undefined) return [`${each.from} belongs to everybody and imports ${target}`];
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
  for (const name of ["commander", "valibot", "p-limit", "@redis/client", "lib/cluster/slots.ts"])
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

test("nothing pauses but waitFor, and `status --watch` as it was asked to", () => {
  const delays = imports.filter(({ specifier }) => specifier.startsWith("node:timers")).map(({ from }) => from);
  expect([...new Set(delays)]).toEqual(["lib/cli/verbs/status.ts", "lib/wait.ts"]);
});

test("OS families, targets and Redis versions are named in the three tables alone", () => {
  const families = ["rhel", "debian", "centos", "ubuntu", "fedora", "rocky", "almalinux"];
  const targets = ["local", "ssh", "libvirt"];
  const wrong = sources
    .filter((file) => !TABLES.test(file))
    .flatMap((file) => {
      // Asking for a capability is what the table of targets is for; its values happen to have the same names.
      const code = codeOf(file).replaceAll(/capabilities\.(connection|supervisor) [!=]== "\w+"/g, "");
      return [...code.matchAll(/"([a-z]+|\d+\.\d+(?:\.\d+)?)"/g)]
        .map(([, word = ""]) => word)
        .filter((word) => families.includes(word) || targets.includes(word) || /^\d/.test(word))
        .filter((word) => !NAMED_ELSEWHERE.some((each) => each.file === file && each.word === word))
        .map((word) => `${file} names "${word}"`);
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
  for (const { file, word } of NAMED_ELSEWHERE) expect(codeOf(file), `${file} "${word}"`).toContain(`"${word}"`);
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
