import { join } from "node:path";
import { isLabError, messageOf } from "../base/error.ts";
import { allSettledLimited } from "../base/limit.ts";
import { observeHost } from "../bootstrap/observe.ts";
import { instancesOf } from "../lab/instances.ts";
import type { LayoutKind } from "../lab/layouts.ts";
import type { Lab } from "../lab/schema.ts";
import { DEFAULT_TARGET, TARGET_NAMES, TARGETS, type TargetName } from "../lab/targets.ts";
import type { Project } from "../project/project.ts";
import { EMPTY_STATE, type LabState, readState, rememberedSource, statePaths } from "../project/state.ts";
import { type LocalServer, localServers } from "./local-servers.ts";
import { HOST_CONCURRENCY, withSession } from "./session.ts";

/** A lab on one target. */
export interface ListedLab {
  readonly lab: string;
  /** Folder of its project. */
  readonly folder: string;
  readonly target: string;
  /** `up`: an `up` began and no `down` ended it since; `new`: there was no `up` yet. */
  readonly state: "up" | "down" | "new";
  /** ISO time of the `up` or `down` that made it so; undefined where that is not known. */
  readonly since: string | undefined;
  /** Undefined for a lab of another folder, whose labs file is not read. */
  readonly layout: LayoutKind | undefined;
  /** The version that runs; before the first `up` the declared one. */
  readonly version: string | undefined;
  /** Instances that run. Undefined where it is not known. */
  readonly running: number | undefined;
  /** Instances that are declared. */
  readonly instances: number | undefined;
  /** What else there is to say, with the command. */
  readonly note: string;
}

export interface ListOptions {
  /** Undefined where there is no labs file. */
  readonly project: Project | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Local labs of other folders that run, too. @default false */
  readonly all: boolean;
}

/** The labs of a labs file, each on every target that it was brought up on, and what runs of them. A host that is not up is not contacted. */
export async function listLabs({ project, all, ...options }: ListOptions): Promise<readonly ListedLab[]> {
  const servers = await localServers();
  const own = project === undefined ? [] : await Promise.all(project.labs.map((lab) => rowsOf(project, lab, servers, options)));
  const others = servers.filter(({ root, lab }) => root !== project?.root || !project.labs.some(({ name }) => name === lab));
  // What runs of a lab that the labs file does not name any more belongs to this folder, and is said without being asked for.
  const shown = others.filter(({ root }) => all || root === project?.root);
  return [...own.flat(), ...(await foreignRows(shown))];
}

async function rowsOf(
  project: Project,
  lab: Lab,
  servers: readonly LocalServer[],
  options: Pick<ListOptions, "environment" | "signal">,
): Promise<readonly ListedLab[]> {
  const states = await Promise.all(
    TARGET_NAMES.map(async (target) => ({ target, state: await readState(statePaths(project, lab.name, target)) })),
  );
  const runs = (of: TargetName) =>
    servers.some((server) => server.root === project.root && server.lab === lab.name && server.target === of);
  // What runs and is not remembered shows, too: its files were deleted under it.
  const known = states.filter(({ target, state }) => state.lastUp !== "" || runs(target));
  return Promise.all(
    (known.length === 0 ? [{ target: DEFAULT_TARGET, state: EMPTY_STATE }] : known).map((each) => rowOf(each.target, each.state)),
  );

  async function rowOf(target: TargetName, state: LabState): Promise<ListedLab> {
    const instances = instancesOf(lab).length;
    const capabilities = TARGETS[target];
    const here = servers.filter((server) => server.root === project.root && server.lab === lab.name && server.target === target).length;
    const seen =
      capabilities.connection === "local"
        ? { running: here, note: "" }
        : state.live
          ? await lookAt(project, lab, target, options)
          : { running: undefined, note: "" };
    return {
      lab: lab.name,
      folder: project.root,
      target,
      state: state.lastUp === "" ? "new" : state.live ? "up" : "down",
      since: state.since ?? (state.live ? state.lastUp : undefined),
      layout: lab.layout.kind,
      version: rememberedSource(state, lab)?.version ?? lab.redis.version,
      running: seen.running,
      instances,
      note: seen.note !== "" ? seen.note : noteOf(`${lab.name}${onTarget(state, target)}`, state.live, seen.running, instances),
    };
  }
}

/** A target that no state tells of has to be named, unless it is the default. */
function onTarget({ lastUp }: LabState, target: TargetName): string {
  return lastUp !== "" || target === DEFAULT_TARGET ? "" : ` --target ${target}`;
}

function noteOf(lab: string, live: boolean, running: number | undefined, instances: number): string {
  if (live && running !== undefined && running < instances) return `redis-lab up ${lab} starts the rest`;
  if (!live && (running ?? 0) > 0)
    return `processes are left: redis-lab down ${lab}, or redis-lab down ${lab} --orphans if that does not see them`;
  return "";
}

/** How many instances of a lab on machines run; with the reason where not all hosts could be asked. */
async function lookAt(
  project: Project,
  lab: Lab,
  target: TargetName,
  options: Pick<ListOptions, "environment" | "signal">,
): Promise<Pick<ListedLab, "running" | "note">> {
  try {
    return await withSession({ project, lab, target, ...options, emit: () => {} }, async ({ placement, connections, unreachable }) => {
      const hosts = placement.hosts.flatMap((host) => {
        const connection = connections.get(host.name);
        return connection === undefined ? [] : [{ host, connection }];
      });
      const facts = await allSettledLimited(hosts, HOST_CONCURRENCY, ({ host, connection }) => observeHost(connection, placement, host));
      const seen = facts.flatMap((each) => (each.status === "fulfilled" ? [...each.value.instances.values()] : []));
      const silent = unreachable.size + facts.filter(({ status }) => status === "rejected").length;
      if (silent === placement.hosts.length) return { running: undefined, note: "no host can be reached" };
      const running = seen.filter(({ process }) => process !== undefined).length;
      return { running, note: silent === 0 ? "" : `${silent} of ${placement.hosts.length} hosts can't be reached` };
    });
  } catch (error) {
    options.signal.throwIfAborted();
    return { running: undefined, note: isLabError(error) ? error.what : messageOf(error) };
  }
}

/** Local labs that are known by their processes alone. */
async function foreignRows(servers: readonly LocalServer[]): Promise<readonly ListedLab[]> {
  const groups = new Map<string, LocalServer[]>();
  for (const server of servers) {
    const key = JSON.stringify([server.root, server.lab, server.target]);
    groups.set(key, [...(groups.get(key) ?? []), server]);
  }
  return Promise.all(
    [...groups.values()].map(async (group) => {
      const [{ root, lab, target } = { root: "", lab: "", target: DEFAULT_TARGET }] = group;
      const stateFile = join(root, ".redis-lab", lab, target, "state.json");
      // Nothing is reported of a folder that is gone, or of a file that is not what we wrote.
      const state = await readState({ stateFile }).catch(() => EMPTY_STATE);
      const gone = state.lastUp === "";
      return {
        lab,
        folder: root,
        target,
        state: "up" as const,
        since: state.since ?? (gone ? undefined : state.lastUp),
        layout: undefined,
        version: state.source?.version,
        running: group.length,
        // While the first `up` is under way it has none yet.
        instances: state.members.length === 0 ? undefined : state.members.length,
        note: gone ? `its folder was deleted while it ran; in ${root}: redis-lab down ${lab}${onTarget(state, target)} --orphans` : "",
      };
    }),
  );
}
