import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Emit } from "../base/events.ts";
import { describeHolder, type FileLock, tryLock, wayOut } from "../base/file-lock.ts";
import { thisProcess } from "../base/process-identity.ts";
import { type Attempt, waitFor } from "../base/wait.ts";
import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import { OS_FAMILIES, type OsFacts, osFamilyOf } from "../lab/os.ts";
import type { Placement } from "../lab/placement.ts";
import { programsOf } from "../redis/products.ts";
import { wordsOf } from "../redis/words.ts";
import { intoCache, sha256OfFile } from "./cache.ts";
import { artifactDamaged, buildFailed } from "./errors.ts";
import type { HostFacts } from "./facts.ts";
import { BUILD_ROOT } from "./facts-script.ts";
import type { ResolvedSource } from "./source.ts";

/** A compiled Redis on this computer: a tar.gz of the programs and their manifest. */
export interface Artifact {
  readonly key: string;
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Hosts that can run the same build. */
export interface BuildGroup {
  readonly key: string;
  /** For people, for example `debian 12, x86_64, glibc 2.36`. */
  readonly platform: string;
  readonly hosts: readonly string[];
  /** Some host of the group has another build, or none. */
  readonly needed: boolean;
  /** Undefined when it has to be compiled, or is not needed. */
  readonly cached: Artifact | undefined;
  /** Host that compiles where that is to be done. */
  readonly builder: string | undefined;
}

/** Longest compilation, in milliseconds: 4.0.14 took 7 minutes on an emulated processor. */
const BUILD_TIMEOUT_MS = 45 * 60_000;

/**
 * Arguments of make: those of the Redis line, then the lab's, which win, and whether Redis is to speak to systemd through libsystemd. That is said either way, so
 * that what lies around on the builder does not decide.
 */
export function makeFlags(placement: Placement): readonly string[] {
  const { supervisedNeedsLibsystemd, makeFlags: line } = wordsOf(placement.version);
  const own = [...line, ...placement.lab.redis.makeFlags];
  if (!supervisedNeedsLibsystemd || own.some((flag) => flag.startsWith("USE_SYSTEMD="))) return own;
  return [...own, `USE_SYSTEMD=${placement.capabilities.supervisor === "systemd" ? "yes" : "no"}`];
}

/** Packages without which make fails on a host. */
export function buildPackages(placement: Placement, os: OsFacts): readonly string[] {
  return [...os.buildPackages, ...(makeFlags(placement).includes("USE_SYSTEMD=yes") ? os.libsystemdPackages : [])];
}

/** The key of the build that a host needs. */
export function buildKey(placement: Placement, source: Pick<ResolvedSource, "sha256" | "version">, facts: HostFacts): string {
  const matter = [source.sha256, source.version.text, ...makeFlags(placement), platformOf(facts)];
  return createHash("sha256").update(JSON.stringify(matter)).digest("hex");
}

function platformOf(facts: HostFacts): string {
  return `${facts.os["ID"] || "linux"} ${facts.os["VERSION_ID"] ?? ""}, ${facts.arch}, ${facts.libc}`.replace(" ,", ",");
}

/** Groups the hosts of a lab by the build that they need and looks which builds are in the cache. */
export async function planBuilds(
  hosts: readonly HostFacts[],
  placement: Placement,
  source: Pick<ResolvedSource, "sha256" | "version">,
  cacheFolder: string,
): Promise<readonly BuildGroup[]> {
  const groups = new Map<string, HostFacts[]>();
  for (const facts of hosts) {
    const key = buildKey(placement, source, facts);
    groups.set(key, [...(groups.get(key) ?? []), facts]);
  }
  return Promise.all(
    [...groups].map(async ([key, members]): Promise<BuildGroup> => {
      const needed = members.some(({ build }) => build?.key !== key);
      const cached = needed ? await cachedArtifact(cacheFolder, key) : undefined;
      const equipped = members.find(({ commands }) => commands.has("make") && (commands.has("cc") || commands.has("gcc")));
      return {
        key,
        platform: members[0] === undefined ? "" : platformOf(members[0]),
        hosts: members.map(({ host }) => host),
        needed,
        cached,
        builder: needed && cached === undefined ? (equipped ?? members[0])?.host : undefined,
      };
    }),
  );
}

function artifactPath(cacheFolder: string, key: string): string {
  return join(cacheFolder, "builds", `${key}.tar.gz`);
}

/** A build of the cache, its checksum compared; a damaged one counts as none. */
export async function cachedArtifact(cacheFolder: string, key: string): Promise<Artifact | undefined> {
  const path = artifactPath(cacheFolder, key);
  const wanted = await readFile(`${path}.sha256`, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
  if (wanted === undefined) return undefined;
  const sha256 = await sha256OfFile(path).catch(() => undefined);
  if (sha256 !== wanted) return undefined;
  return { key, path, sha256, bytes: (await stat(path)).size };
}

/**
 * Compiles a source on a host and keeps the result in the cache. Two processes that want the same build on this computer share one: the second waits for the first.
 *
 * @throws LabError `bootstrap.build-failed`, `bootstrap.command-failed`, `connection.*`
 */
export async function buildArtifact(
  connection: Connection,
  request: {
    readonly key: string;
    readonly source: Pick<ResolvedSource, "tarball" | "sha256" | "version">;
    readonly flags: readonly string[];
    readonly cacheFolder: string;
    readonly emit: Emit;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Artifact> {
  const { key, cacheFolder, emit } = request;
  const progress = (detail: string) => emit({ type: "progress", host: connection.host, step: "build", detail });
  const lockFile = join(cacheFolder, "builds", `${key}.lock`);
  const me = await thisProcess();
  let reported: string | undefined;
  const look = async (): Promise<Attempt<Artifact | FileLock>> => {
    const cached = await cachedArtifact(cacheFolder, key);
    if (cached !== undefined) return { done: true, value: cached };
    const attempt = await tryLock(lockFile, { verb: `build of ${request.source.version.title}`, since: new Date().toISOString() });
    if (attempt.taken) return { done: true, value: attempt.lock };
    const { holder } = attempt;
    const missing = `the end of the same build by ${describeHolder(holder, new Date())}`;
    const name = JSON.stringify(holder) ?? "";
    if (reported !== name)
      emit({ type: "notice", level: "info", text: `${connection.host} waits for ${missing}. ${wayOut(holder, me, lockFile)}` });
    reported = name;
    return { done: false, missing };
  };
  const found = await waitFor(look, {
    what: "the same build by another process",
    timeoutMs: BUILD_TIMEOUT_MS,
    onPending: progress,
    intervalMs: 500,
    signal: request.signal,
  });
  if ("path" in found) return found;
  try {
    // It may have been finished between the look and the lock.
    return (await cachedArtifact(cacheFolder, key)) ?? (await compile(connection, request, progress));
  } finally {
    await found.release();
  }
}

async function compile(
  connection: Connection,
  request: Parameters<typeof buildArtifact>[1],
  progress: (detail: string) => void,
): Promise<Artifact> {
  const { key, source, cacheFolder, signal } = request;
  const input = await readFile(source.tarball);
  let folder: string | undefined;
  try {
    const started = performance.now();
    let reported = 0;
    const result = await connection.run(buildScript(request), {
      title: "make",
      root: true,
      outside: true,
      input,
      timeoutMs: BUILD_TIMEOUT_MS,
      signal,
      onLine: (line) => {
        folder ??= buildFolderOf(line);
        const seconds = Math.floor((performance.now() - started) / 1000);
        if (seconds <= reported || line.trim() === "") return;
        reported = seconds;
        progress(`compiling ${source.version.title}, ${seconds} s: ${line.trim().slice(0, 60)}`);
      },
    });
    const sum = /^artifact ([0-9a-f]{64})$/m.exec(result.stdout)?.[1];
    if (result.exitCode !== 0 || sum === undefined || folder === undefined)
      throw buildFailed(connection.host, result, buildHint(result.stdout + result.stderr));
    const path = artifactPath(cacheFolder, key);
    const made = `${folder}/redis.tar.gz`;
    await intoCache(path, async (temporary) => {
      await connection.download(made, temporary);
      if ((await sha256OfFile(temporary)) !== sum)
        throw artifactDamaged(connection.host, "the compiled programs arrived with another checksum.");
    });
    await intoCache(`${path}.sha256`, (temporary) => writeFile(temporary, `${sum}\n`));
    return { key, path, sha256: sum, bytes: (await stat(path)).size };
  } finally {
    if (folder !== undefined)
      await connection.run(sh`rm -rf -- ${folder}`, { title: "remove the build folder", root: true, outside: true }).catch(() => {});
  }
}

/** The folder that a line of the build script names: no other than one of ours, as it is removed in the end. */
function buildFolderOf(line: string): string | undefined {
  const [, folder] = /^folder (\S+\/redis-lab-build\.\w+)$/.exec(line) ?? [];
  return folder !== undefined && dirname(folder) === BUILD_ROOT ? folder : undefined;
}

/**
 * `all` of src/Makefile makes exactly the programs. Debug information is not shipped: crash reports take their names from the dynamic table (-rdynamic).
 * Sentinel and the checkers are the server under other names. The source comes by standard input, so that one script has the folder from its beginning: when the connection is gone, the source
 * ends too early or make ends at its next line, and the folder goes with it. Always a fresh folder and a fresh unpack: a tree where make failed once is poisoned (deps, .make-settings).
 */
function buildScript(request: Parameters<typeof buildArtifact>[1]): string {
  const { product, text: version } = request.source.version;
  const { server } = product.programs;
  const programs = programsOf(product);
  return sh`set -e; umask 022; LC_ALL=C; export LC_ALL
find ${BUILD_ROOT} -maxdepth 1 -name 'redis-lab-build.*' -user "$(id -u)" -mmin +360 -exec rm -rf {} + 2>/dev/null || :
folder=$(mktemp -d ${`${BUILD_ROOT}/redis-lab-build.XXXXXX`})
trap 'rm -rf -- "$folder"' EXIT
echo "folder $folder"
cd "$folder"
cat > source.tar.gz
echo ${`${request.source.sha256}  source.tar.gz`} | sha256sum -c - >/dev/null
mkdir tree out; tar -xzf source.tar.gz -C tree --strip-components=1 --no-same-owner
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
make -C tree/src -j"$jobs" ${request.flags} all 2>&1
server=${server}
for p in ${programs}; do
  if [ ! -f "tree/src/$p" ]; then if [ "$p" = "$server" ]; then echo "make made no $p"; exit 1; fi; continue; fi
  if [ "$p" != "$server" ] && cmp -s "tree/src/$p" "tree/src/$server"; then ln -s "$server" "out/$p"; else cp "tree/src/$p" "out/$p"; fi
done
cd out; strip --strip-debug ${programs} 2>/dev/null || :
{ printf '{"key":"%s","version":"%s","files":{' ${request.key} ${version}
  sep=; for p in ${programs}; do if [ -f "$p" ] && [ ! -L "$p" ]; then printf '%s"%s":%s' "$sep" "$p" "$(stat -c %s "$p")"; sep=,; fi; done; printf '}}\n'; } > build.json
tar -cf - --owner=0 --group=0 . | gzip -1 > ../redis.tar.gz
echo "artifact $(sha256sum < ../redis.tar.gz | cut -d ' ' -f 1)"
trap - EXIT`;
}

/** What usually helps, by what make said. */
export function buildHint(output: string): string {
  const packages = (pick: (os: OsFacts) => readonly string[]) =>
    Object.values(OS_FAMILIES)
      .map((os) => `${pick(os).join(" ")} (${os.title} (${os.members}))`)
      .join(" or ");
  if (/systemd\/sd-daemon\.h|libsystemd/.test(output)) return `Install ${packages((os) => os.libsystemdPackages)} on the build host.`;
  if (/No space left on device/.test(output)) return `Free some space in ${BUILD_ROOT} of the build host.`;
  if (/(cc|gcc|make): (command )?not found|Command not found|std\w+\.h: No such file|cannot find crt1\.o/i.test(output)) {
    return `Install ${packages((os) => os.buildPackages)} on the build host.`;
  }
  return "Fix what the last lines say and run the same command again; every build starts from a fresh unpack.";
}

/** For advice on a host whose system is known. */
export function compilerAdvice(facts: HostFacts): string {
  const family = osFamilyOf(facts.os);
  if (family === undefined) return "Install a C compiler and make.";
  const os = OS_FAMILIES[family];
  const manager = os.packageManagers.find(({ command }) => facts.commands.has(command)) ?? os.packageManagers[0];
  return `Install them: ${manager?.command ?? "install"} install ${os.buildPackages.join(" ")}`;
}
