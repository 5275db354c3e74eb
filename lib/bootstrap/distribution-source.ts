import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../base/events.ts";
import { findProgram } from "../base/find-program.ts";
import { plainEnvironment, startProgram } from "../base/process.ts";
import { OS_FAMILIES, OS_FAMILY_NAMES, type OsFacts, type OsRelease, osFamilyOf, parseOsRelease } from "../lab/os.ts";
import type { Product } from "../redis/products/product.ts";
import { sha256OfFile } from "./cache.ts";
import { sourceChecksumMismatch, sourceDistributionFailed } from "./errors.ts";

export interface DistributionTarball {
  readonly tarball: string;
  readonly sha256: string;
  readonly origin: string;
}

interface Options {
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The source package of a product of the distribution that this computer runs, without root and without a change to the system: apt works in folders of its own.
 *
 * @throws LabError `source.distribution-failed`, `source.checksum-mismatch`
 */
export async function distributionSource(product: Product, folder: string, options: Options): Promise<DistributionTarball> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = parseOsRelease(await readFile("/etc/os-release", "utf8").catch(() => ""));
  const family = osFamilyOf(release);
  const others = OS_FAMILY_NAMES.filter((name) => name !== family);
  const ways = [...(family === undefined ? [] : [family]), ...others].map((name) => OS_FAMILIES[name].sourcePackages);
  for (const { command: program, format } of ways) if (exists(program)) return FETCH[format]({ product, folder, release, options });
  throw sourceDistributionFailed(product, `this computer has neither ${ways.map(({ command: program }) => program).join(" nor ")}.`);
}

/** What is fetched, where to, and for which system. */
interface Wanted {
  readonly product: Product;
  readonly folder: string;
  readonly release: OsRelease;
  readonly options: Options;
}

const FETCH: Readonly<Record<OsFacts["sourcePackages"]["format"], (wanted: Wanted) => Promise<DistributionTarball>>> = {
  deb: fromApt,
  rpm: fromYum,
};

async function fromApt({ product, folder, release, options }: Wanted): Promise<DistributionTarball> {
  const codename = release["VERSION_CODENAME"];
  const name = product.sourcePackage;
  const sources = aptSources(await readAptSources(), codename);
  if (sources === "") throw sourceDistributionFailed(product, "no package archive is configured in /etc/apt.");
  for (const each of ["lists/partial", "cache/archives/partial", "download"]) await mkdir(join(folder, each), { recursive: true });
  await writeFile(join(folder, "redis-lab.sources"), sources);
  const private_ = [
    ["Dir::Etc::sourcelist", join(folder, "redis-lab.sources")],
    ["Dir::Etc::sourceparts", "-"],
    ["Dir::State::lists", join(folder, "lists")],
    ["Dir::Cache", join(folder, "cache")],
    ["Acquire::Languages", "none"],
    ["Acquire::Retries", "1"],
    ["Acquire::http::Timeout", "15"],
    ["Acquire::https::Timeout", "15"],
    // apt drops to the user _apt, which may not enter our folder.
    ["APT::Sandbox::User", ""],
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  options.emit({ type: "progress", host: undefined, step: "source", detail: "reading the distribution's package lists" });
  // One archive that does not answer is not a reason to give up: the next command tells whether the package is known.
  const lists = await command("apt-get", ["--quiet", ...private_, "update"], folder, options);
  options.emit({
    type: "progress",
    host: undefined,
    step: "source",
    detail: `downloading the distribution's source package of ${product.title}`,
  });
  const download = join(folder, "download");
  const got = await command("apt-get", ["--quiet", ...private_, "source", "--download-only", name], download, options);
  const files = await readdir(download);
  const dsc = files.find((file) => file.startsWith(`${name}_`) && file.endsWith(".dsc"));
  const tarball = files.find((file) => file.startsWith(`${name}_`) && file.endsWith(".orig.tar.gz"));
  if (got.exitCode !== 0 || dsc === undefined || tarball === undefined) {
    throw sourceDistributionFailed(product, [lists.output, got.output].join("\n").trim().split("\n").slice(-6).join("\n"));
  }
  const wanted = sha256InDsc(await readFile(join(download, dsc), "utf8"), tarball);
  if (wanted === undefined) throw sourceDistributionFailed(product, `${dsc} has no SHA-256 of ${tarball}.`);
  return checked(
    product,
    join(download, tarball),
    wanted,
    `the distribution's source package ${dsc.replace(/\.dsc$/, "").replace("_", " ")}`,
  );
}

/** A source RPM is checked by its own digest; the tarball in it has no sum beside it, so what came out is what is pinned. */
async function fromYum({ product, folder, options }: Wanted): Promise<DistributionTarball> {
  const got = await command("yumdownloader", ["--quiet", "--source", "--destdir", folder, product.sourcePackage], folder, options);
  const srpm = (await readdir(folder)).find((name) => name.endsWith(".src.rpm"));
  if (got.exitCode !== 0 || srpm === undefined) throw sourceDistributionFailed(product, got.output.trim().split("\n").slice(-6).join("\n"));
  const verified = await command("rpm", ["--checksig", "--nosignature", srpm], folder, options);
  if (verified.exitCode !== 0) throw sourceDistributionFailed(product, verified.output.trim());
  // Not the tarball of its documentation.
  const pattern = product.releases.tarball("[0-9]*");
  const unpacked = await command("sh", ["-c", 'rpm2cpio "$1" | cpio --quiet -id "$2"', "sh", srpm, pattern], folder, options);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tar.gz"));
  if (tarball === undefined)
    throw sourceDistributionFailed(product, unpacked.output.trim() || `${srpm} holds no ${product.releases.tarball("VERSION")}.`);
  const path = join(folder, tarball);
  return { tarball: path, sha256: await sha256OfFile(path), origin: `the distribution's source package ${srpm}` };
}

async function checked(product: Product, tarball: string, wanted: string, origin: string): Promise<DistributionTarball> {
  const got = await sha256OfFile(tarball);
  if (got !== wanted) throw sourceChecksumMismatch(product, origin, wanted, got, (await readFile(tarball)).length);
  return { tarball, sha256: wanted, origin };
}

/** The sum of a file in a Debian source control file: the lines after `Checksums-Sha256:` are ` SUM BYTES NAME`. */
export function sha256InDsc(dsc: string, file: string): string | undefined {
  const section = /^Checksums-Sha256:\s*\n((?: .*\n?)+)/m.exec(dsc)?.[1] ?? "";
  return section
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, , name]) => name === file)?.[0];
}

async function readAptSources(): Promise<string[]> {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name)).sort();
  const paths = ["/etc/apt/sources.list", ...names.map((name) => join(folder, name))];
  return Promise.all(paths.map((path) => readFile(path, "utf8").catch(() => "")));
}

/**
 * Source lines for the archives of the distribution itself, from the texts of the system's own lists in both formats (sources.list(5)). Archives of others
 * (their suites are not the distribution's code name) are left out: they have no Redis of ours and may not answer. Pure.
 */
export function aptSources(texts: readonly string[], codename: string | undefined): string {
  const isOwn = (suite: string) => codename === undefined || [codename, `${codename}-updates`, `${codename}-security`].includes(suite);
  const stanzas: string[] = [];
  for (const text of texts) {
    for (const paragraph of text.split(/\n\s*\n/)) {
      const lines = paragraph.split("\n").filter((line) => !line.startsWith("#") && line.trim() !== "");
      const field = (name: string) =>
        lines
          .find((line) => line.toLowerCase().startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim();
      const uris = field("uris");
      const suites = field("suites")?.split(/\s+/).filter(isOwn) ?? [];
      if (uris !== undefined && suites.length > 0 && field("enabled") !== "no") {
        const signed = lines.findIndex((line) => /^signed-by:/i.test(line));
        const key = signed === -1 ? [] : [lines[signed] ?? "", ...continuation(lines, signed)];
        stanzas.push(
          ["Types: deb-src", `URIs: ${uris}`, `Suites: ${suites.join(" ")}`, `Components: ${field("components") ?? "main"}`, ...key].join(
            "\n",
          ),
        );
      }
      for (const line of lines) {
        const [, bracket = "", uri, suite, components] = /^deb(?:-src)?\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim()) ?? [];
        if (uri === undefined || suite === undefined || !isOwn(suite)) continue;
        const signed = /signed-by=([^\s\]]+)/i.exec(bracket)?.[1];
        stanzas.push(
          [
            "Types: deb-src",
            `URIs: ${uri}`,
            `Suites: ${suite}`,
            `Components: ${components}`,
            ...(signed ? [`Signed-By: ${signed}`] : []),
          ].join("\n"),
        );
      }
    }
  }
  const unique = [...new Set(stanzas)];
  return unique.length === 0 ? "" : `${unique.join("\n\n")}\n`;
}

/** A field of a stanza goes on in the lines that begin with a blank: an armored key in Signed-By. */
function continuation(lines: readonly string[], at: number): readonly string[] {
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => !/^\s/.test(line));
  return end === -1 ? rest : rest.slice(0, end);
}

function exists(name: string): boolean {
  return findProgram(name, process.env).kind === "found";
}

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
}

async function command(name: string, args: readonly string[], cwd: string, { signal }: Options): Promise<Ended> {
  signal?.throwIfAborted();
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
  const { exitCode, failure } = await startProgram(name, args, {
    environment: plainEnvironment(),
    cwd,
    signal,
    onStdout: keep,
    onStderr: keep,
  }).ended;
  signal?.throwIfAborted();
  return { exitCode, output: failure === undefined ? output : failure.text };
}
