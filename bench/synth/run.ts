import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import { planVms, vmNetworkView } from "../../lib/lab/vms.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";

// node --import jiti/register bench/synth/run.ts [--rounds N]
//
// Seconds of a synth: redis-lab against a bare cdktf app that makes the same resources with the provider's classes (bare.mjs), in turns. Once with `cdktf synth`, as it is
// typed, and once the app alone, without what cdktf's own command line takes. Aim: at most 1.5 times bare for the shipped labs. Needs a compiled redis-lab (npm run build).

const rounds = Number(process.argv[process.argv.indexOf("--rounds") + 1] || 5);
const checkout = fileURLToPath(new URL("../..", import.meta.url));
const cdktf = join(checkout, "node_modules/.bin/cdktf");

/** A hundred hosts: fifty masters with a replica each. */
const hundred = defineLab({
  name: "hundred",
  network: { cidr: "192.168.0.0/16", loopback: "127.0.9.0/24" },
  hosts: numberedHosts(
    "192.168.1",
    Array.from({ length: 100 }, (_, index) => index + 10),
  ),
  layout: {
    kind: "cluster",
    masters: Array.from({ length: 50 }, (_, index) => `redis-${index + 10}`),
    replicas: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`redis-${index + 60}`, `redis-${index + 10}`])),
  },
});

/** One way of making the stacks of some labs. */
interface Contender {
  readonly name: "bare" | "redis-lab";
  readonly folder: string;
  /** As cdktf.json has it. */
  readonly app: string;
}

interface Case {
  readonly title: string;
  readonly contenders: readonly Contender[];
  readonly labs: readonly Lab[];
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-bench-synth-"));
  try {
    const cases = [
      await makeCase("shipped labs", join(folder, "shipped"), [cluster, sentinel]),
      await makeCase("100 hosts", join(folder, "hundred"), [hundred]),
    ];
    console.log(["seconds (median)".padEnd(32), "bare".padStart(10), "redis-lab".padStart(10), "ratio".padStart(10)].join(""));
    for (const each of cases) {
      // The first synth makes key and secrets; whether both make the same is looked at once.
      for (const contender of each.contenders) await run(contender, [cdktf, "synth"]);
      await compare(each);
      await measure(`${each.title}, cdktf synth`, each.contenders, [cdktf, "synth"]);
      await measure(`${each.title}, the app alone`, each.contenders, undefined);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeCase(title: string, folder: string, labs: readonly Lab[]): Promise<Case> {
  const bare: Contender = { name: "bare", folder: join(folder, "bare"), app: "node bare.mjs" };
  // As shipped: by npm, with the check whether everything is compiled.
  const own: Contender = { name: "redis-lab", folder: join(folder, "redis-lab"), app: "npm run --silent synth" };
  for (const { folder: project, app } of [bare, own]) {
    await mkdir(join(project, "stacks"), { recursive: true });
    await symlink(join(checkout, "node_modules"), join(project, "node_modules"));
    const settings = {
      language: "typescript",
      app,
      projectId: "bench",
      sendCrashReports: "false",
      terraformProviders: [],
      terraformModules: [],
    };
    await writeFile(join(project, "cdktf.json"), JSON.stringify(settings));
  }
  await cp(join(checkout, "bench/synth/bare.mjs"), join(bare.folder, "bare.mjs"));
  await writeFile(join(bare.folder, "labs.json"), JSON.stringify(labs.map(plainLab)));
  const definitions = labs.map((lab) => `export const ${lab.name} = defineLab(${JSON.stringify(lab)});\n`);
  await writeFile(join(own.folder, "stacks/labs.ts"), `import { defineLab } from "redis-lab";\n${definitions.join("")}`);
  const scripts = {
    presynth: `node ${join(checkout, "scripts/ensure-ready.mjs")}`,
    synth: `node ${join(checkout, "dist/stacks/main.js")}`,
  };
  await writeFile(join(own.folder, "package.json"), JSON.stringify({ name: "bench", private: true, scripts }));
  return { title, contenders: [bare, own], labs };
}

/** Everything that the bare app need not work out. */
function plainLab(lab: Lab): unknown {
  const plan = planVms(lab);
  const network = vmNetworkView(plan, lab);
  return {
    name: lab.name,
    cidr: network.cidr,
    domain: network.domain,
    image: { sha256: plan.image.sha256, file: "/var/cache/image.qcow2" },
    vms: plan.vms,
  };
}

/** @throws Error unless both made as many resources of each type */
async function compare({ contenders, labs }: Case): Promise<void> {
  for (const { name } of labs) {
    const counts = contenders.map(async ({ folder }) => {
      const stack = JSON.parse(await readFile(join(folder, "cdktf.out/stacks", name, "cdk.tf.json"), "utf8"));
      return Object.fromEntries(Object.entries<object>(stack.resource).map(([type, resources]) => [type, Object.keys(resources).length]));
    });
    const [bare, own] = (await Promise.all(counts)).map((each) => JSON.stringify(each, Object.keys(each).sort()));
    if (bare !== own) throw new Error(`${name}: bare makes ${bare}, redis-lab ${own}`);
  }
}

async function measure(title: string, contenders: readonly Contender[], command: readonly string[] | undefined): Promise<void> {
  const seconds: Record<Contender["name"], number[]> = { bare: [], "redis-lab": [] };
  for (let round = 1; round <= rounds; round += 1) {
    // Who begins changes from round to round: the later one finds a warmer computer.
    for (const contender of round % 2 === 0 ? contenders.toReversed() : contenders)
      seconds[contender.name].push(await run(contender, command ?? appAlone(contender)));
  }
  const [bare, own] = [median(seconds.bare), median(seconds["redis-lab"])];
  console.log([title.padEnd(32), bare.toFixed(2).padStart(10), own.toFixed(2).padStart(10), (own / bare).toFixed(2).padStart(10)].join(""));
}

function appAlone({ name }: Contender): readonly string[] {
  return [process.execPath, name === "bare" ? "bare.mjs" : join(checkout, "dist/stacks/main.js")];
}

/** Seconds that a command takes in the project of a contender. */
async function run({ folder, name }: Contender, [program = "", ...args]: readonly string[]): Promise<number> {
  const begin = performance.now();
  const env = { ...process.env, CI: "1", CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null", DISABLE_VERSION_CHECK: "1" };
  const child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${name}: ${program} ${args.join(" ")} ended with ${code}:\n${output.slice(-4000)}`);
  return (performance.now() - begin) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
