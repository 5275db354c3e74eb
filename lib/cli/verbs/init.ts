import { relative } from "node:path";
import { shellQuote } from "../../connection/quote.ts";
import { type PackageOrigin, scaffold } from "../../project/scaffold.ts";
import { printResult } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import type { OwnHost } from "../verb.ts";

export async function init(
  host: OwnHost<"init">,
  { cdktn }: { readonly cdktn: boolean },
  { folder }: { readonly folder: string },
): Promise<number> {
  const made = await scaffold(folder, cdktn ? "cdktn" : "cdktf");
  const there = relative(process.cwd(), made.folder);
  const steps = [
    ...(there === "" ? [] : [[`cd ${word(there)}`, ""]]),
    [install(made.origin), ""],
    ["npm test", "types and stacks; needs no VM"],
    ["npx redis-lab up cluster", "the lab on this computer, without VMs"],
    [`npx ${made.cdk} deploy cluster`, "the lab in VMs of libvirt; needs terraform"],
  ].map(([command = "", what = ""]) => `  ${what === "" ? command : command.padEnd(28) + what}`);
  const text = [`Made ${made.name}: ${made.files.join(", ")}`, "", "Its labs are in stacks/labs.ts. Next:", ...steps].join("\n");
  printResult(host, made, text);
  return EXIT.done;
}

/** A checkout is packed first: linked, it would bring a second cdktf along, and the two do not know each other's constructs. */
function install(origin: PackageOrigin): string {
  return origin.kind === "checkout" ? `npm install "$(npm pack --silent ${word(origin.root)})"` : "npm install";
}

/** For people: quoted only where the shell would read more than a word. */
function word(text: string): string {
  return /^[A-Za-z0-9_./~-]+$/.test(text) && !text.startsWith("-") ? text : shellQuote(text);
}
