import { LabError } from "../base/error.ts";
import type { TribHost } from "./host.ts";

export function unresolvable(name: string, reason: string): LabError {
  return new LabError({
    code: "trib.unresolvable",
    kind: "environment",
    what: `The name ${name} leads to no address: ${reason}.`,
    next: "Give an IP address, or a name that this computer knows.",
  });
}

export function unreadablePassword(path: string, reason: string): LabError {
  return new LabError({
    code: "trib.unreadable-password",
    kind: "usage",
    what: `No password can be read from ${path}: ${reason}.`,
    next: "Name a file with the password in its first line.",
  });
}

export function badNumber(option: string, value: string, wanted: string): LabError {
  return new LabError({
    code: "trib.bad-number",
    kind: "usage",
    what: `--${option} ${value}: ${wanted} is needed.`,
    next: `Give ${wanted}.`,
  });
}

/** What the catalogues of other rooms say for users of a lab, for those of redis-trib. Undefined where their own words fit. */
export function adviceFor(code: string): string | undefined {
  switch (code) {
    case "redis.wrong-password":
      return "Give the right one: --password-file FILE, REDISCLI_AUTH, or --askpass; with --user where it belongs to an ACL user.";
    case "redis.timeout":
    case "redis.unreachable":
    case "redis.connection-lost":
      return "Look whether it runs, and on which address it listens.";
    case "cluster.not-ready":
    case "cluster.orphans":
    case "cluster.values-differ":
      return "Run `redis-trib fix` first; with --replace the value of the slot's owner is kept, and the other one saved to a file.";
    case "cluster.backup-folder":
    case "cluster.backup-not-written":
      return undefined;
    default:
      return code.startsWith("cluster.") || code.startsWith("wait.")
        ? "Look with `redis-trib check`; `redis-trib fix` finishes what was left open."
        : undefined;
  }
}

/** Reasons and advice, which redis-trib.rb had no words for. */
export function sayWhy({ warn }: Pick<TribHost, "warn">, { code, why, next }: LabError): void {
  const advice = adviceFor(code) ?? next;
  warn(`redis-trib: ${[why, advice].filter(Boolean).join(" ")}`);
}
