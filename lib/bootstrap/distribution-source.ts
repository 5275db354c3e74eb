import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../events.ts";
import { sha256OfFile } from "./cache.ts";
import { sourceChecksumMismatch, sourceDistributionFailed } from "./errors.ts";

export interface DistributionTarball {
  readonly tarball: string;
  readonly sha256: string;
  readonly origin: string;
}

interface Options {
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/**
 * The source package of Redis of the distribution that this computer runs, without root and without a change to the system: apt works in folders of its own.
 *
 * @throws LabError `source.distribution-failed`, `source.checksum-mismatch`
 */
export async function distributionSource(folder: string, options: Options): Promise<DistributionTarball> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Whichever packager is here; the order is that of the likelihood on developers' computers.
  if (await exists("apt-get", options)) return fromApt(folder, options);
  if (await exists("yumdownloader", options)) return fromYum(folder, options);
  throw sourceDistributionFailed("this computer has neither apt-get nor yumdownloader.");
}

async function fromApt(folder: string, options: Options): Promise<DistributionTarball> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const codename = /^VERSION_CODENAME="?([\w.-]+)"?$/m.exec(release)?.[1];
  const sources = aptSources(await readAptSources(), codename);
  if (sources === "") throw sourceDistributionFailed("no package archive is configured in /etc/apt.");
  for (const name of ["lists/partial", "cache/archives/partial", "download"]) await mkdir(join(folder, name), { recursive: true });
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
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  options.emit({ type: "progress", host: undefined, step: "source", detail: "reading the distribution's package lists" });
  // One archive that does not answer is no reason to give up: the next command tells whether the package is known.
  const lists = await command("apt-get", ["--quiet", ...private_, "update"], folder, options);
  options.emit({ type: "progress", host: undefined, step: "source", detail: "downloading the distribution's source package of Redis" });
  const download = join(folder, "download");
  const got = await command("apt-get", ["--quiet", ...private_, "source", "--download-only", "redis"], download, options);
  const files = await readdir(download);
  const dsc = files.find((name) => /^redis_.*\.dsc$/.test(name));
  const tarball = files.find((name) => /^redis_.*\.orig\.tar\.gz$/.test(name));
  if (got.exitCode !== 0 || dsc === undefined || tarball === undefined) {
    throw sourceDistributionFailed([lists.output, got.output].join("\n").trim().split("\n").slice(-6).join("\n"));
  }
  const wanted = sha256InDsc(await readFile(join(download, dsc), "utf8"), tarball);
  if (wanted === undefined) throw sourceDistributionFailed(`${dsc} has no SHA-256 of ${tarball}.`);
  return checked(join(download, tarball), wanted, `the distribution's source package ${dsc.replace(/\.dsc$/, "").replace("_", " ")}`);
}

/** A source RPM is checked by its own digest; the tarball in it has no sum beside it, so what came out is what is pinned. */
async function fromYum(folder: string, options: Options): Promise<DistributionTarball> {
  const got = await command("yumdownloader", ["--quiet", "--source", "--destdir", folder, "redis"], folder, options);
  const srpm = (await readdir(folder)).find((name) => name.endsWith(".src.rpm"));
  if (got.exitCode !== 0 || srpm === undefined) throw sourceDistributionFailed(got.output.trim().split("\n").slice(-6).join("\n"));
  const verified = await command("rpm", ["--checksig", "--nosignature", srpm], folder, options);
  if (verified.exitCode !== 0) throw sourceDistributionFailed(verified.output.trim());
  const unpacked = await command("sh", ["-c", 'rpm2cpio "$1" | cpio --quiet -id "redis-*.tar.gz"', "sh", srpm], folder, options);
  const tarball = (await readdir(folder)).find((name) => /^redis-\d.*\.tar\.gz$/.test(name));
  if (tarball === undefined) throw sourceDistributionFailed(unpacked.output.trim() || `${srpm} holds no redis-VERSION.tar.gz.`);
  const path = join(folder, tarball);
  return { tarball: path, sha256: await sha256OfFile(path), origin: `the distribution's source package ${srpm}` };
}

async function checked(tarball: string, wanted: string, origin: string): Promise<DistributionTarball> {
  const got = await sha256OfFile(tarball);
  if (got !== wanted) throw sourceChecksumMismatch(origin, wanted, got, (await readFile(tarball)).length);
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

async function exists(name: string, options: Options): Promise<boolean> {
  return (await command("sh", ["-c", 'command -v "$1"', "sh", name], "/", options)).exitCode === 0;
}

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
}

function command(name: string, args: readonly string[], cwd: string, options: Options): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { cwd, stdio: ["ignore", "pipe", "pipe"], ...(options.signal && { signal: options.signal }) });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, output }));
  });
}
