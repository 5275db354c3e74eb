import { Token } from "cdktf";
import type { Construct } from "constructs";
import { faultOfValue, type ValueRule } from "../../lib/lab/construct-values.ts";
import type { CloudInitFiles } from "../../lib/render/cloud-init.ts";

/** A prop, or a part of one such as `cloudInit.userData`, and what it has to be. */
export interface PropCheck {
  readonly prop: string;
  readonly value: unknown;
  readonly rule: ValueRule;
  /** Why the value has to be known when the stack is made. @default - it has not: Terraform's tokens are carried through, unchecked */
  readonly known?: string;
}

/**
 * Refuses what a construct can't work with, by the name of the prop. A token stands for a value that Terraform alone will know. Where the value is needed before, in the name of a file or on a
 * disk that is written now, the token's own text would be taken for it.
 */
export function checkProps(construct: Construct, checks: readonly PropCheck[]): void {
  const where = `${construct.constructor.name} "${construct.node.path}"`;
  for (const { prop, value, rule, known } of checks) {
    if (Token.isUnresolved(value)) {
      if (known === undefined) continue;
      throw new Error(
        `${where}: ${prop} is a value that only Terraform will know (a variable, a function or what a resource will have), and ${known}. Give the value itself.`,
      );
    }
    const fault = faultOfValue(rule, value);
    if (fault !== undefined) throw new Error(`${where}: ${prop} ${fault}, not ${shown(value)}`);
  }
}

export function labCheck(lab: string): PropCheck {
  return { prop: "lab", value: lab, rule: "name", known: "redis-lab is called with it" };
}

/** @param byHost what is given for each host, by its name */
export function hostChecks(prop: string, byHost: Readonly<Record<string, unknown>>): readonly PropCheck[] {
  return Object.keys(byHost).map((host) => ({ prop, value: host, rule: "name", known: "it names a host, whose resource bears that name" }));
}

export function cloudInitChecks(prop: string, files: CloudInitFiles): readonly PropCheck[] {
  const names = ["userData", "metaData", "networkConfig"] as const;
  return names.map((name) => ({ prop: `${prop}.${name}`, value: files[name], rule: "text", known: "it is written to the disk now" }));
}

const LONGEST = 100;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
