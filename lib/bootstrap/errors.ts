import type { CommandResult } from "../connection/connection.ts";
import { LabError } from "../error.ts";

/** The last lines of what a command said, for an error; commands of the bootstrap never get a secret to say. */
export function lastLines(result: Pick<CommandResult, "stdout" | "stderr">, count = 12): string {
  return [result.stdout, result.stderr]
    .flatMap((text) => text.split("\n"))
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-count)
    .join("\n");
}

function ending(result: CommandResult): string {
  if (result.timedOut) return `ran out of time after ${Math.round(result.durationMs / 1000)} s`;
  return result.exitCode === null ? `was ended by ${result.signal ?? "a lost connection"}` : `ended with exit code ${result.exitCode}`;
}

export function factsFailed(host: string, result: CommandResult): LabError {
  return new LabError({
    code: "bootstrap.facts-failed",
    what: `${host}: looking at the host ${ending(result)}.`,
    why: lastLines(result),
    next: "redis-lab needs a POSIX shell, coreutils and /proc on a host; check them with `redis-lab ssh LAB HOST`.",
  });
}

export function commandFailed(host: string, step: string, result: CommandResult, next?: string): LabError {
  return new LabError({
    code: "bootstrap.command-failed",
    what: `${host}: ${step}: ${result.title} ${ending(result)}.`,
    why: lastLines(result) || "It said nothing.",
    next: next ?? "Mend what the last lines say and run the same command again: it continues where it stopped.",
  });
}

export function unknownPlatform(host: string, os: string): LabError {
  return new LabError({
    code: "bootstrap.unknown-os",
    what: `${host}: the operating system "${os}" is not one that redis-lab can manage.`,
    why: "Packages and boot files are known for the RHEL family (CentOS, Rocky, Alma, …) and the Debian family.",
    next: "Use a host of one of these families, or `--target local`.",
  });
}

export function sourceChecksumUnknown(version: string): LabError {
  return new LabError({
    code: "source.checksum-unknown",
    what: `The SHA-256 of Redis ${version} is not known to redis-lab.`,
    why: "Nothing is compiled that was not checked; only releases in its own list need no checksum.",
    next: `Add sha256 to redis.source of the lab; https://github.com/redis/redis-hashes lists redis-${version}.tar.gz.`,
  });
}

export function sourceChecksumMismatch(origin: string, wanted: string, got: string, bytes: number): LabError {
  return new LabError({
    code: "source.checksum-mismatch",
    what: `${origin} has the SHA-256 ${got} (${bytes} bytes), not ${wanted}.`,
    why: "The file is truncated or another one; it was not kept.",
    next: "Try again; if it stays so, compare the checksum with https://github.com/redis/redis-hashes and correct redis.source.",
  });
}

export function sourceFileMissing(path: string, cause: unknown): LabError {
  return new LabError({
    code: "source.file-missing",
    what: `The Redis source ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "Correct redis.source.path in the lab.",
    cause,
  });
}

export function sourceUnreachable(version: string, attempts: readonly string[], fallbackError: string | undefined): LabError {
  return new LabError({
    code: "source.unreachable",
    what: `The source of Redis ${version} could not be downloaded:\n${attempts.map((attempt) => `  ${attempt}`).join("\n")}${fallbackError === undefined ? "" : `\n  ${fallbackError}`}`,
    next: 'Give redis.source of the lab one of: mirrors (`{ kind: "release", mirrors: ["https://…"] }`), a URL (`{ kind: "url", url, sha256 }`), a file (`{ kind: "file", path, sha256 }`), or the distribution\'s own package (`{ kind: "distribution" }`).',
  });
}

export function sourceDistributionFailed(detail: string): LabError {
  return new LabError({
    code: "source.distribution-failed",
    what: `The distribution's source package of Redis could not be had: ${detail}`,
    next: "It needs apt-get (Debian family) or yumdownloader (RHEL family) with a reachable package archive on this computer; or name another redis.source.",
  });
}

export function sourceNotRedis(origin: string, detail: string): LabError {
  return new LabError({
    code: "source.not-redis",
    what: `${origin} is not the source of Redis: ${detail}`,
    next: "Correct redis.source of the lab.",
  });
}

export function sourceOtherVersion(origin: string, wanted: string, got: string): LabError {
  return new LabError({
    code: "source.other-version",
    what: `${origin} is Redis ${got}, the lab declares ${wanted}.`,
    next: `Set redis.version to "${got}", or name the source of ${wanted}.`,
  });
}

export function buildFailed(host: string, result: CommandResult, hint: string): LabError {
  return new LabError({
    code: "bootstrap.build-failed",
    what: `${host}: compiling Redis ${ending(result)}.`,
    why: lastLines(result, 15),
    next: hint,
  });
}

export function artifactDamaged(host: string, what: string): LabError {
  return new LabError({
    code: "bootstrap.artifact-damaged",
    what: `${host}: ${what}`,
    why: "The build arrived in another state than it was sent; it was not installed.",
    next: "Run the same command again: it continues where it stopped.",
  });
}

export function builderFailed(host: string, builder: string): LabError {
  return new LabError({
    code: "bootstrap.builder-failed",
    what: `${host}: waited for the build of ${builder}, which failed.`,
    next: `Mend what is said about ${builder} and run the same command again.`,
  });
}

export function startFailed(instance: string, what: string, log: string): LabError {
  return new LabError({
    code: "bootstrap.start-failed",
    what: `${instance} did not start: ${what}`,
    why: log === "" ? "Its log says nothing." : `The end of its log:\n${log}`,
    next: "Mend what the log says and run the same command again.",
  });
}

export function stopFailed(instance: string, pid: number, seconds: number, log: string): LabError {
  return new LabError({
    code: "bootstrap.stop-failed",
    what: `${instance} (process ${pid}) was asked to end and still runs after ${seconds} s.`,
    why: log === "" ? "Its log says nothing." : `The end of its log:\n${log}`,
    next: "Redis does not end while it cannot save its data: make room or repair the folder, and run the same command again.",
  });
}

export function notOurProcess(instance: string, detail: string): LabError {
  return new LabError({
    code: "bootstrap.not-our-process",
    what: `${instance}: ${detail}`,
    why: "redis-lab touches a process only with proof that it started it.",
    next: "End that process yourself, or give the lab another port or loopback network.",
  });
}

/** The refusals of a plan as an error; the code is that of the first. */
export function hostRefused(
  host: string,
  refusals: readonly { readonly code: string; readonly text: string; readonly next: string }[],
): LabError {
  return new LabError({
    code: refusals[0]?.code ?? "bootstrap.refused",
    what: refusals.map(({ text }) => text).join("\n") || `${host} was refused.`,
    next: [...new Set(refusals.map(({ next }) => next))].join("\n"),
  });
}
