import { messageOf } from "../base/error.ts";
import { didYouMean } from "../base/nearest.ts";
import type { Version } from "../redis/version.ts";
import { type ProductLine, wordsOf } from "../redis/words.ts";
import type { LabFault } from "./errors.ts";
import { fault } from "./layouts/references.ts";
import { declaredVersion } from "./product.ts";
import { RESERVED_DIRECTIVES } from "./reserved-directives.ts";
import type { Lab, SettingValue } from "./schema.ts";

/** Faults of the directives that a lab declares: what its version does not know, what redis-lab sets itself, and values that the server would not take. */
export function checkSettings(lab: Lab): readonly LabFault[] {
  const version = declaredVersion(lab);
  const known = tryWords(version);
  if (typeof known === "string") return [fault("lab.unknown-version", "redis.version", known)];
  const check = (settings: Readonly<Record<string, SettingValue>>, at: string) =>
    Object.entries(settings).flatMap(([name, value]) => checkDirective(name, value, `${at}.${name}`, version, known));
  return [
    ...check(lab.redis.settings, "redis.settings"),
    ...lab.hosts.flatMap((host, index) =>
      host.instances.flatMap(({ settings }, instance) => check(settings, `hosts[${index}].instances[${instance}].settings`)),
    ),
  ];
}

function checkDirective(name: string, value: SettingValue, at: string, version: Version, known: ProductLine): LabFault[] {
  const reserved = RESERVED_DIRECTIVES[name.toLowerCase()];
  if (reserved !== undefined) return [fault("lab.reserved-directive", at, `redis-lab sets it: ${reserved}`)];
  if (!known.has(name)) return [fault("lab.unknown-directive", at, `${version.title} does not know it${unknownHint(name, known)}`)];
  if (Array.isArray(value) && value.length > 1 && !known.repeatable(name))
    return [fault("lab.not-repeatable", at, "is given once only, so a list makes no sense")];
  return (Array.isArray(value) ? value : [value]).flatMap((each) => {
    const text = typeof each === "boolean" ? (each ? "yes" : "no") : String(each);
    const wrong = known.valueFault(name, text);
    if (wrong === undefined) return [];
    const hint = didYouMean(text, wrong.choices);
    return [fault("lab.setting-value", at, `${shown(name, each)} is not what ${version.title} takes: it must be ${wrong.must}${hint}`)];
  });
}

function unknownHint(name: string, known: ProductLine): string {
  const instead = known.instead(name);
  if (instead !== undefined) return `; its word is "${instead}"`;
  return (
    didYouMean(
      name,
      known.names.filter((each) => RESERVED_DIRECTIVES[each] === undefined),
    ) || "; it would refuse to start"
  );
}

/** Of a directive that may hold a secret the value is not repeated. */
function shown(name: string, value: string | number | boolean): string {
  return /pass|auth|^user$/i.test(name) ? "the value" : JSON.stringify(value);
}

function tryWords(version: Version): ProductLine | string {
  try {
    return wordsOf(version);
  } catch (error) {
    return messageOf(error);
  }
}
