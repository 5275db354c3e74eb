import { longName } from "./parameters.ts";
import { VERB_GROUPS, type Verb, type VerbGroup } from "./verb.ts";
import { VERB_TABLE } from "./verb-table.ts";

/** The verbs as a Markdown table, by their groups. */
export async function verbReference(): Promise<string> {
  const all = await everyVerb();
  return [
    "| verb | what it does | document of `--json` |",
    "| --- | --- | --- |",
    ...groupsOf(all.map(({ verb }) => verb)).flatMap((group) => [
      `| **${VERB_GROUPS[group]}** | | |`,
      ...all
        .filter(({ verb }) => verb.group === group)
        .map(({ verb, command }) => `| \`${usage(verb, command)}\` | ${sentence(verb.about)} | ${documentOf(verb)} |`),
    ]),
  ].join("\n");
}

/** Every verb with the words that name it. */
export async function everyVerb(): Promise<readonly { readonly verb: Verb; readonly command: string }[]> {
  const rows = VERB_TABLE.map(async (row) =>
    "start" in row ? [{ verb: row, command: row.name }] : (await row.load()).map((verb) => ({ verb, command: `${row.name} ${verb.name}` })),
  );
  return (await Promise.all(rows)).flat();
}

function groupsOf(verbs: readonly Verb[]): readonly VerbGroup[] {
  const used = new Set(verbs.map(({ group }) => group));
  return (Object.keys(VERB_GROUPS) as VerbGroup[]).filter((group) => used.has(group));
}

function usage({ arguments: rows, options }: Verb, command: string): string {
  const words = Object.entries(rows).map(([name, { form }]) =>
    form === "optional" || form === "any" ? `[${name.toUpperCase()}]` : name.toUpperCase(),
  );
  const required = Object.entries(options).flatMap(([name, row]) =>
    row.required === true ? [`${longName(name)} ${(row.value ?? "").slice(1, -1).toUpperCase()}`] : [],
  );
  return [command, ...words, ...required].join(" ");
}

/** What the document of a verb is, as a sentence. */
export function documentOf({ json }: Verb): string {
  return json === "none" ? "none" : sentence(typeof json === "string" ? json : json.document);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
