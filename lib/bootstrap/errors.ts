import { LabError } from "../base/error.ts";
import { allOf, oneOf } from "../base/list.ts";
import { byCount } from "../base/text.ts";
import type { CommandResult } from "../connection/connection.ts";
import { OS_FAMILIES, type OsFacts } from "../lab/os.ts";
import type { Product } from "../redis/products/product.ts";
import type { Version } from "../redis/version.ts";

const FAMILIES: readonly OsFacts[] = Object.values(OS_FAMILIES);

/** The last lines of what a command said, for an error; commands of the bootstrap never get a secret to say. */
export function lastLines(result: Pick<CommandResult, "stdout" | "stderr">, count = 12): string {
  return [result.stdout, result.stderr]
    .flatMap((text) => text.split("\n"))
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-count)
    .join("\n");
}

/** How a command ended that failed, as the end of a sentence. */
export function ending(result: CommandResult): string {
  if (result.timedOut) return `ran out of time after ${Math.round(result.durationMs / 1000)} s`;
  return result.exitCode === null ? `was ended by ${result.signal ?? "a lost connection"}` : `ended with exit code ${result.exitCode}`;
}

export function factsFailed(host: string, result: CommandResult): LabError {
  return new LabError({
    code: "bootstrap.facts-failed",
    kind: "environment",
    what: `${host}: looking at the host ${ending(result)}.`,
    why: lastLines(result),
    next: "redis-lab needs a POSIX shell, coreutils and /proc on a host; check them with `redis-lab ssh LAB HOST`.",
  });
}

export function commandFailed(host: string, step: string, result: CommandResult, next?: string): LabError {
  return new LabError({
    code: "bootstrap.command-failed",
    kind: "environment",
    what: `${host}: ${step}: ${result.title} ${ending(result)}.`,
    why: lastLines(result) || "It said nothing.",
    next: next ?? "Fix what the last lines say and run the same command again: it continues where it stopped.",
  });
}

/** @param names those that are not installed although the package manager says that it did it */
export function packagesUnknown(host: string, names: readonly string[], result: CommandResult): LabError {
  return new LabError({
    code: "bootstrap.package-unknown",
    kind: "environment",
    what: `${host}: packages: ${result.title} succeeded, and ${allOf(names)} ${names.length === 1 ? "is" : "are"} not installed.`,
    why: lastLines(result) || "No repository of that host has a package of that name; yum 3 passes over such names and says nothing.",
    next: "Correct os.operatorPackages of the lab, or give that host a repository that has the package; `yum provides NAME` looks for it there.",
  });
}

/** What yum and dnf say of a repository that does not answer. */
const DEAD_REPOSITORY = [/^failure: \S+ from ([^\s:]+): /m, /for repo(?:sitory)?:? '?([^\s'/]+)/m];

/** How to go on where one repository of the host stops its package manager; undefined where that is not what the output says. */
export function deadRepositoryAdvice(result: Pick<CommandResult, "stdout" | "stderr">): string | undefined {
  const text = `${result.stdout}\n${result.stderr}`;
  const name = DEAD_REPOSITORY.map((pattern) => pattern.exec(text)?.[1]).find((found) => found !== undefined);
  return (
    name &&
    `The repository ${name} of that host does not answer. Repair or disable it in /etc/yum.repos.d, or set skip_if_unavailable=1 there; then run the same command again.`
  );
}

export function unknownPlatform(host: string, os: string): LabError {
  return new LabError({
    code: "bootstrap.unknown-os",
    kind: "environment",
    what: `${host}: the operating system "${os}" is not one that redis-lab can manage.`,
    why: `Packages and boot files are known for ${allOf(FAMILIES.map(({ title, members }) => `the ${title} (${members})`))}.`,
    next: "Use a host of one of these families, or `--target local`.",
  });
}

export function sourceChecksumUnknown({ title, text, product }: Version): LabError {
  return new LabError({
    code: "source.checksum-unknown",
    kind: "refused",
    what: `The SHA-256 of ${title} is not known to redis-lab.`,
    why: "Nothing is compiled that was not checked; only releases in its own list need no checksum.",
    next: `Add sha256 to redis.source of the lab; ${product.releases.hashes} lists ${product.releases.tarball(text)}.`,
  });
}

export function sourceChecksumMismatch(
  { releases }: Pick<Product, "releases">,
  origin: string,
  wanted: string,
  got: string,
  bytes: number,
): LabError {
  return new LabError({
    code: "source.checksum-mismatch",
    kind: "environment",
    what: `${origin} has the SHA-256 ${got} (${bytes} bytes), not ${wanted}.`,
    why: "The file is truncated or another one; it was not kept.",
    next: `Try again; if it stays so, compare the checksum with ${releases.hashes} and correct redis.source.`,
  });
}

export function sourceFileMissing(path: string, cause: unknown): LabError {
  return new LabError({
    code: "source.file-missing",
    kind: "environment",
    what: `The Redis source ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "Correct redis.source.path in the lab.",
    cause,
  });
}

export function sourceUnreachable({ title }: Version, attempts: readonly string[], fallbackError: string | undefined): LabError {
  return new LabError({
    code: "source.unreachable",
    kind: "environment",
    what: `The source of ${title} could not be downloaded:\n${attempts.map((attempt) => `  ${attempt}`).join("\n")}${fallbackError === undefined ? "" : `\n  ${fallbackError}`}`,
    next: 'Give redis.source of the lab one of: mirrors (`{ kind: "release", mirrors: ["https://…"] }`), a URL (`{ kind: "url", url, sha256 }`), a file (`{ kind: "file", path, sha256 }`), or the distribution\'s own package (`{ kind: "distribution" }`).',
  });
}

export function sourceDistributionFailed(product: Pick<Product, "title">, detail: string): LabError {
  return new LabError({
    code: "source.distribution-failed",
    kind: "environment",
    what: `The distribution's source package of ${product.title} could not be had: ${detail}`,
    next: `It needs ${oneOf(FAMILIES.map(({ title, sourcePackages }) => `${sourcePackages.command} (${title})`))} with a reachable package archive on this computer; or name another redis.source.`,
  });
}

export function sourceNotRedis({ title }: Pick<Product, "title">, origin: string, detail: string): LabError {
  return new LabError({
    code: "source.not-redis",
    kind: "refused",
    what: `${origin} is not the source of ${title}: ${detail}`,
    next: "Correct redis.source of the lab.",
  });
}

/** The program that looks into tarballs, which says nothing of the tarball. */
export function noTar(origin: string, why: string): LabError {
  return new LabError({
    code: "source.no-tar",
    kind: "environment",
    what: `${origin} can't be looked into on this computer: ${why}.`,
    next: "Install tar and gzip, or add their folder to PATH, and run the command again.",
  });
}

export function sourceOtherVersion(origin: string, wanted: Version, got: Version): LabError {
  return new LabError({
    code: "source.other-version",
    kind: "refused",
    what: `${origin} is ${got.title}, the lab declares ${wanted}.`,
    next: `Set redis.version to "${got}", or name the source of ${wanted}.`,
  });
}

export function buildFailed(host: string, result: CommandResult, hint: string): LabError {
  return new LabError({
    code: "bootstrap.build-failed",
    kind: "environment",
    what: `${host}: compiling Redis ${ending(result)}.`,
    why: lastLines(result, 15),
    next: hint,
  });
}

export function artifactDamaged(host: string, what: string): LabError {
  return new LabError({
    code: "bootstrap.artifact-damaged",
    kind: "environment",
    what: `${host}: ${what}`,
    why: "The build arrived in another state than it was sent; it was not installed.",
    next: "Run the same command again: it continues where it stopped.",
  });
}

export function builderFailed(host: string, builder: string): LabError {
  return new LabError({
    code: "bootstrap.builder-failed",
    kind: "environment",
    what: `${host}: waited for the build of ${builder}, which failed.`,
    next: `Fix what is said about ${builder} and run the same command again.`,
  });
}

export function startFailed(instance: string, what: string, log: string): LabError {
  return new LabError({
    code: "bootstrap.start-failed",
    kind: "environment",
    what: `${instance} did not start: ${what}`,
    why: log === "" ? "Its log says nothing." : `The end of its log:\n${log}`,
    next: "Fix what the log says and run the same command again.",
  });
}

export function stopFailed(instance: string, pid: number, seconds: number, log: string): LabError {
  return new LabError({
    code: "bootstrap.stop-failed",
    kind: "environment",
    what: `${instance} (process ${pid}) was asked to end and still runs after ${seconds} s.`,
    why: log === "" ? "Its log says nothing." : `The end of its log:\n${log}`,
    next: "Redis does not end while it cannot save its data: make room or repair the folder, and run the same command again.",
  });
}

export function notOurProcess(instance: string, detail: string): LabError {
  return new LabError({
    code: "bootstrap.not-our-process",
    kind: "refused",
    what: `${instance}: ${detail}`,
    why: "redis-lab touches a process only with proof that it started it.",
    next: "End that process yourself, or give the lab another port or loopback network.",
  });
}

/** Servers of a host's builds that belong to no instance as far as can be proven, or that do not end. */
export function serversStillRun(host: string, servers: readonly { readonly pid: number; readonly title: string }[]): LabError {
  return new LabError({
    code: "bootstrap.servers-still-run",
    kind: "refused",
    what: `${host}: ${servers.map(({ pid, title }) => `process ${pid} (${title})`).join(" and ")} still ${byCount(servers.length, "runs", "run")} from the lab's build.`,
    why: "Which instance it is can't be proven, so it is not ended, and nothing is removed under it.",
    next: `Look at it; SIGTERM saves its data and ends it: kill -TERM ${servers.map(({ pid }) => pid).join(" ")} (on ${host}). Then run the same command again.`,
  });
}

/** A unit under the name of an instance's that the lab did not make, or that is another lab's. */
export function notOurUnit(instance: string, unit: string): LabError {
  return new LabError({
    code: "bootstrap.not-our-unit",
    kind: "refused",
    what: `${instance}: ${unit} does not carry this lab's marker; it is left as it is.`,
    why: "redis-lab starts, stops and disables a unit only where it made it.",
    next: `Look at it on the host: systemctl cat ${unit}`,
  });
}

/** A host on which another lab lives in the same folder. */
export function otherLabHere(host: string, labs: readonly string[], prefix: string): LabError {
  return new LabError({
    code: "bootstrap.other-lab",
    kind: "refused",
    what: `${host}: ${byCount(labs.length, "the lab", "the labs")} ${labs.join(" and ")} ${byCount(labs.length, "has", "have")} files in ${prefix} too; nothing is removed there.`,
    next: `Remove it first, or give the labs a redis.prefix each.`,
  });
}

/** The refusals of a plan as an error; the code is that of the first. */
export function hostRefused(
  host: string,
  refusals: readonly { readonly code: string; readonly text: string; readonly next: string }[],
): LabError {
  return new LabError({
    code: refusals[0]?.code ?? "bootstrap.refused",
    kind: "refused",
    what: refusals.map(({ text }) => text).join("\n") || `${host} was refused.`,
    next: [...new Set(refusals.map(({ next }) => next))].join("\n"),
  });
}
