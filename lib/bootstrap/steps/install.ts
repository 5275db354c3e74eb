import type { Connection } from "../../connection/connection.ts";
import { sh } from "../../connection/quote.ts";
import { programsOf } from "../../redis/products.ts";
import { rdbVersionOf } from "../../redis/words.ts";
import { artifactDamaged, commandFailed } from "../errors.ts";
import type { HostFacts } from "../facts.ts";
import { buildFolder, buildsFolder, commandLinks, originalOf } from "../host-paths.ts";
import type { Change, HostPlan } from "../plan.ts";
import { runOrFail, type Step, type StepContext } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** The programs of the wanted build in `bin`, and their links on the PATH of a managed host. */
export const install: Step = {
  name: "install",
  notApplicable: undefined,
  check(facts, wanted) {
    return [...programChanges(facts, wanted), ...linkChanges(facts, wanted)];
  },
  async apply(connection, changes, context) {
    const { wanted } = context;
    if (changes.some(({ subject }) => subject === wanted.host.paths.bin)) await installBuild(connection, context);
    const links = [...commandLinks(wanted.host.paths, wanted.placement)].filter(([link]) =>
      changes.some(({ subject }) => subject === link),
    );
    if (links.length > 0) {
      const script = links.map(([link, target]) => sh`[ -e ${link} ] || ln -sfn -- ${target} ${link}`).join(" &&\n");
      await runOrFail(connection, "install", script, { title: "link the programs" });
    }
  },
};

function programChanges(facts: HostFacts, { build, host }: HostWanted): Change[] {
  if (build === undefined || facts.build?.key === build.key) return [];
  const before = facts.build && ` in place of ${facts.build.version === build.version ? "another build" : facts.build.version.text}`;
  const aside = facts.binFolder === undefined ? "" : `; the folder that is there becomes ${originalOf(host.paths.bin)}`;
  const summary = `install ${build.version.title}${before ?? ""}${aside}`;
  return [{ step: "install", subject: host.paths.bin, reason: facts.build === undefined ? "absent" : "other-build", summary }];
}

function linkChanges(facts: HostFacts, { placement, host }: HostWanted): Change[] {
  if (!placement.capabilities.managesHost) return [];
  return [...commandLinks(host.paths, placement).keys()]
    .filter((link) => !facts.paths.has(link))
    .map((link) => ({ step: "install", subject: link, reason: "absent", summary: `link ${link}` }));
}

/** Programs of others on the PATH are left alone, and said. */
export function installNotes(facts: HostFacts, { placement, host }: HostWanted): readonly string[] {
  if (!placement.capabilities.managesHost) return [];
  return [...commandLinks(host.paths, placement)]
    .filter(([link, target]) => facts.paths.has(link) && facts.paths.get(link)?.target !== target)
    .map(([link, target]) => `${link} is not the lab's and stays as it is; redis-lab's program is ${target}`);
}

/** What can't be installed over what is there. */
export function installRefusals(facts: HostFacts, wanted: HostWanted): HostPlan["refusals"] {
  return [...binRefusals(facts, wanted), ...downgradeRefusals(facts, wanted)];
}

/** An older Redis can't read the data of a newer one: it would not come up again. Once the data are gone (`rebuild`) nothing is in its way. */
function downgradeRefusals(facts: HostFacts, { build, host, placement }: HostWanted): HostPlan["refusals"] {
  if (build === undefined || facts.build === undefined) return [];
  const [has, gets] = [rdbVersionOf(facts.build.version), rdbVersionOf(build.version)];
  const running = host.instances.some(({ id, kind }) => kind === "redis" && facts.instances.get(id)?.process !== undefined);
  if (has === undefined || gets === undefined || has <= gets || !running) return [];
  return [
    {
      code: "bootstrap.downgrade",
      text: `${facts.host}: ${facts.build.version.title} runs here, and the lab declares ${build.version}, which can't read the data of it (RDB version ${has}; it reads ${gets} and older).`,
      next: `Declare ${facts.build.version} again. To go back: \`redis-lab rebuild ${placement.lab.name}\` wipes the data, then restore a backup that was made before the upgrade.`,
    },
  ];
}

/** A `bin` that holds more than the programs of the product is in use by others. */
function binRefusals(facts: HostFacts, { host, placement }: HostWanted): HostPlan["refusals"] {
  const { product } = placement.version;
  const expected = [...programsOf(product), ...product.companions];
  const strange = (facts.binFolder ?? []).filter((name) => !expected.includes(name));
  if (strange.length === 0) return [];
  return [
    {
      code: "bootstrap.bin-in-use",
      text: `${facts.host}: ${host.paths.bin} is a folder with programs of others (${strange.slice(0, 3).join(", ")}); redis-lab needs that name for its own.`,
      next: "Choose another redis.prefix for the lab, or move those programs.",
    },
  ];
}

/**
 * Ships the artifact, unpacks it into a folder of its own, tries it and switches `bin` to it by one rename: a running server keeps its file. The programs are flushed before the
 * rename, which would otherwise reach the disk before them: after a power cut `bin` would hold empty files. `sync FILE` flushes that file alone from coreutils 8.24; before, it
 * flushes everything, and complains.
 */
async function installBuild(connection: Connection, { wanted, facts, builds, emit, signal }: StepContext): Promise<void> {
  const { build, host } = wanted;
  if (build === undefined) return;
  const { paths } = host;
  const progress = (detail: string, fraction?: number) =>
    emit({ type: "progress", host: connection.host, step: "install", detail, fraction });
  const artifact = await builds.artifact(connection.host, build.key, (builder) => progress(`waiting for the build of ${builder}`));
  const upload = `${buildsFolder(paths)}/.upload-${build.key.slice(0, 16)}.tar.gz`;
  await connection.upload(artifact.path, upload, {
    mode: 0o600,
    onBytes: (sent, total) =>
      progress(`shipping ${(sent / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`, total === 0 ? 1 : sent / total),
  });
  const folder = buildFolder(paths, build.key);
  const fresh = `${buildsFolder(paths)}/.new-${build.key.slice(0, 16)}`;
  const used = [...facts.instances.values()].flatMap(({ buildKey }) =>
    buildKey === undefined ? [] : [`${buildsFolder(paths)}/${buildKey}`],
  );
  const current = facts.paths.get(paths.bin)?.target;
  const keep = [folder, ...used, ...(current === undefined ? [] : [`${paths.prefix}/${current}`])];
  const script = sh`set -e; umask 022; LC_ALL=C; export LC_ALL
trap ${sh`rm -rf -- ${upload} ${fresh}`} EXIT
if ! echo ${`${artifact.sha256}  ${upload}`} | sha256sum -c - >/dev/null 2>&1; then echo damaged; exit 3; fi
rm -rf -- ${fresh}; mkdir -- ${fresh}; tar -xzf ${upload} -C ${fresh} --no-same-owner; chmod 755 ${fresh}
${`${fresh}/${build.version.product.programs.server}`} --version
sync -- ${fresh}/* 2>/dev/null
if [ -e ${folder} ]; then rm -rf -- ${`${folder}.old`}; mv -T -- ${folder} ${`${folder}.old`}; fi
mv -T -- ${fresh} ${folder}
if [ -d ${paths.bin} ] && [ ! -L ${paths.bin} ]; then mv -T -- ${paths.bin} ${originalOf(paths.bin)}; fi
ln -sfn -- ${`builds/${build.key.slice(0, 16)}`} ${`${paths.prefix}/.bin-new`}; mv -T -- ${`${paths.prefix}/.bin-new`} ${paths.bin}
for old in ${buildsFolder(paths)}/*; do
  k=no; for keep in ${keep}; do if [ "$old" = "$keep" ]; then k=yes; fi; done
  if [ $k = no ]; then rm -rf -- "$old"; fi
done`;
  const result = await connection.run(script, { title: "install the build", root: true, signal });
  if (result.exitCode === 3) throw artifactDamaged(connection.host, "the build arrived with another checksum.");
  if (result.exitCode !== 0) throw commandFailed(connection.host, "install", result);
}
