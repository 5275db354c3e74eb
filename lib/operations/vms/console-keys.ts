import { fingerprint, type KnownKey } from "../../connection/known-hosts.ts";
import { parseKnownHostsLine } from "../../connection/known-hosts-line.ts";

/** What the console of a VM says of the keys that were pinned for it. */
export type ConsoleVerdict =
  | { readonly kind: "same" }
  /** It shows another key of that type: `shown` and `pinned` are fingerprints. */
  | { readonly kind: "other"; readonly shown: string; readonly pinned: string }
  /** It shows no key of a pinned type. */
  | { readonly kind: "silent" };

/** The kind of a key as `ssh-keygen -l` names it. */
function kindOf(type: string): string {
  return (/^(?:ssh-)?(ed25519|rsa|dss|ecdsa)/.exec(type)?.[1] ?? type).toUpperCase();
}

/**
 * Compares pins with what cloud-init writes on the console in its last stage (write-ssh-key-fingerprints: the keys, and their fingerprints as `ssh-keygen -l` prints them). Lines may have the
 * beginning of a syslog's, and any of them may be torn by another writer: such a one says nothing. Pure.
 *
 * @param lines those between cloud-init's marks
 */
export function compareWithConsole(lines: readonly string[], pinned: readonly KnownKey[]): ConsoleVerdict {
  const shown = lines.flatMap((line) => {
    const [, print, kind] = / (SHA256:[A-Za-z0-9+/]{43}) .*\(([A-Z0-9]+)\)$/.exec(line) ?? [];
    if (print !== undefined && kind !== undefined) return [{ kind, print }];
    const key = parseKnownHostsLine(`host ${/(?:ssh|ecdsa)-\S+ \S+/.exec(line)?.[0]}`)?.key;
    return key === undefined ? [] : [{ kind: kindOf(key.type), print: fingerprint(key) }];
  });
  const pins = pinned.map((key) => ({ kind: kindOf(key.type), print: fingerprint(key) }));
  if (pins.some(({ print }) => shown.some((each) => each.print === print))) return { kind: "same" };
  for (const { kind, print } of pins) {
    const other = shown.find((each) => each.kind === kind);
    if (other !== undefined) return { kind: "other", shown: other.print, pinned: print };
  }
  return { kind: "silent" };
}
