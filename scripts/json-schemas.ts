import { fileURLToPath } from "node:url";
import {
  BaseError,
  type CompletedConfig,
  createFormatter,
  createParser,
  createProgram,
  DEFAULT_CONFIG,
  type Definition,
  type NodeParser,
  SchemaGenerator,
} from "ts-json-schema-generator";
import { documentOf, everyVerb } from "../lib/cli/verb-reference.ts";
import { ComputedAliases } from "./computed-aliases.ts";
import { schemaFile } from "./schema-files.ts";

const config: CompletedConfig = {
  ...DEFAULT_CONFIG,
  path: fileURLToPath(new URL("../lib/report/documents.ts", import.meta.url)),
  tsconfig: fileURLToPath(new URL("../tsconfig.json", import.meta.url)),
  type: "Documents",
  // That is `npm run check`.
  skipTypeCheck: true,
  topRef: false,
  jsDoc: "extended",
};

type Definitions = Readonly<Record<string, Definition>>;

/** The schema of each document of `--json` as text, by the name of its file; each stands by itself, and all are from one look at the types. @throws Error for what JSON Schema can't say of a type */
export async function jsonSchemas(): Promise<ReadonlyMap<string, string>> {
  const { properties = {}, definitions } = readTypes();
  const documents = new Map((await everyVerb()).map(({ verb, command }) => [command, documentOf(verb)]));
  return new Map(
    Object.entries(properties).map(([verb, schema]) => {
      if (typeof schema === "boolean") throw new Error(`the document of ${verb} has no type`);
      const { description, ...body } = inJson(resolved(schema, definitions), "") as Definition;
      const title = `${verb === "error" ? "redis-lab" : `redis-lab ${verb}`} --json`;
      const about = [documents.get(verb), description].filter(Boolean).join(" ");
      const whole = { $schema: "http://json-schema.org/draft-07/schema#", title, description: about, ...labelsFirst(body) };
      const used = reachable(whole, definitions);
      const parts = Object.fromEntries(used.map((name) => [shortName(name), inJson(definitions[name] ?? {}, "")]));
      return [schemaFile(verb), `${JSON.stringify({ ...whole, ...(used.length > 0 && { definitions: parts }) }, null, 2)}\n`];
    }),
  );
}

function readTypes(): Definition & { readonly definitions: Definitions } {
  const program = createProgram(config);
  try {
    const parser = createParser(program, config, (chain) => {
      chain.addNodeParser(new ComputedAliases(program.getTypeChecker(), chain as unknown as NodeParser));
    });
    const schema = new SchemaGenerator(program, parser, createFormatter(config), config).createSchema(config.type);
    return { ...schema, definitions: (schema.definitions ?? {}) as Definitions };
  } catch (error) {
    throw error instanceof BaseError ? new Error(error.format()) : error;
  }
}

const REFERENCE = "#/definitions/";

function nameIn(reference: string): string {
  return decodeURIComponent(reference.slice(REFERENCE.length));
}

/** A type that is another one by a further name, as `ClusterFinding` is a `Finding` of certain codes, is that other one. */
function resolved(schema: Definition, definitions: Definitions): Definition {
  const { $ref, ...rest } = schema;
  return $ref === undefined ? schema : resolved({ ...definitions[nameIn($ref)], ...rest }, definitions);
}

/** `DoctorFinding<DoctorCheckName>` has a name that none needs to spell; where both are used, they would have to have two. */
function shortName(name: string): string {
  return name.split("<")[0] ?? name;
}

/** Every definition that a schema names, and that those name, in their order of appearance. */
function reachable(schema: unknown, definitions: Definitions): readonly string[] {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, each] of Object.entries(value)) {
      if (key !== "$ref" || typeof each !== "string") visit(each);
      else if (!found.has(nameIn(each))) {
        found.add(nameIn(each));
        visit(definitions[nameIn(each)]);
      }
    }
  };
  visit(schema);
  const names = [...found];
  const short = names.map(shortName);
  const twice = short.find((name, index) => short.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`two types of one document are called ${twice}: give one of them a name of its own`);
  return names;
}

/** As JSON has it: what is undefined in the program is left out of a document, and so is what `@default` tells of. */
function inJson(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((each) => inJson(each, ""));
  if (typeof value !== "object" || value === null)
    return key === "$ref" && typeof value === "string" ? REFERENCE + shortName(nameIn(value)) : value;
  const { default: otherwise, description, ...rest } = value as Definition;
  // Fields of a type may have these names: there they are types as well.
  if (key === "properties") return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inJson(each, "")]));
  const about = [
    ...(description === undefined ? [] : [description.replace(/\bundefined\b/g, "left out").replace(/\bUndefined\b/g, "Left out")]),
    ...(otherwise === undefined ? [] : [`Left out: ${String(otherwise)}.`]),
  ].join(" ");
  const parts = Object.entries(rest).map(([name, each]) => [name, inJson(each, name)]);
  return { ...(about !== "" && { description: about }), ...Object.fromEntries(parts) };
}

const LABELS = ["format", "lab", "target"];

/** The labels stand first in a document, and so they do in its schema. */
function labelsFirst(schema: Definition): Definition {
  const { properties, anyOf, ...rest } = schema;
  const place = (name: string) => (LABELS.includes(name) ? LABELS.indexOf(name) : LABELS.length);
  return {
    ...rest,
    ...(properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).sort(([a], [b]) => place(a) - place(b))),
    }),
    ...(anyOf !== undefined && { anyOf: anyOf.map((each) => (typeof each === "boolean" ? each : labelsFirst(each))) }),
  };
}
