import type { TribAccess } from "./access.ts";
import type { Arguments } from "./arguments.ts";
import { badNumber } from "./errors.ts";
import type { TribHost } from "./host.ts";
import type { Screen } from "./screen.ts";

/** What a command works with. */
export interface TribSession extends Pick<Arguments, "words" | "options"> {
  readonly host: TribHost;
  readonly screen: Screen;
  readonly access: TribAccess;
  /** How nodes are called that were typed otherwise than the cluster knows them, by id. */
  readonly names: Map<string, string>;
}

/** What a command's module exports: its work, returning an exit code. */
export interface Command {
  run(session: TribSession): Promise<number>;
}

/** A node as it is shown: as it was typed, or by its address. */
export function nameOf({ names }: Pick<TribSession, "names">, id: string): string {
  return names.get(id) ?? id;
}

/** `a:7000,b:7000`. */
export function namesOf(session: Pick<TribSession, "names">, nodes: readonly { readonly id: string }[]): string {
  return nodes.map(({ id }) => nameOf(session, id)).join(",");
}

/** A whole number given to an option. @throws LabError `trib.bad-number` */
export function wholeNumber({ options }: TribSession, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
  const text = options.value(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  const wanted = most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least} on` : `a whole number from ${least} to ${most}`;
  if (!/^\d+$/.test(text) || number < least || number > most) throw badNumber(name, text, wanted);
  return number;
}

/** How slots are moved, as far as it was said. Milliseconds for one MIGRATE, and keys in it. */
export function moveSettings(session: TribSession): { readonly timeoutMs?: number | undefined; readonly pipeline?: number | undefined } {
  return { timeoutMs: wholeNumber(session, "timeout", 1, 2 ** 31 - 1), pipeline: wholeNumber(session, "pipeline", 1, 2 ** 31 - 1) };
}
