import { readFile } from "node:fs/promises";
import { type ArrayExpression, type CallExpression, type Expression, type Node, type ObjectExpression, type Program, parse } from "acorn";
import { createJiti } from "jiti";
import type { FaultPath, ListElement } from "../lab/fault-path.ts";

/** A line of a file, from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** The line of a user's file in which an error arose: the first call that is neither of redis-lab, a package or Node. @param own folder of redis-lab's code */
export function placeOfError(error: unknown, own: string): Place | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const [, file = "", line] of stack.matchAll(/(?:\(|at (?:async )?)(?:file:\/\/)?(\/[^():]+):(\d+):\d+\)?$/gm)) {
    if (!file.startsWith(`${own}/`) && !file.includes("/node_modules/")) return { file, line: Number(line) };
  }
  return undefined;
}

/**
 * Finds the lines of fields in the source of a definition. A field that is made elsewhere, by a function or another file, has the line of what it stands in.
 *
 * @param call where the definition is handed to `defineLab`
 * @returns the line of a path; that of the call where nothing nearer is found
 */
export async function locateFields(call: Place): Promise<(path: FaultPath) => Place> {
  const program = await programOf(call.file).catch(() => undefined);
  const definition = program === undefined ? undefined : definitionAt(program, call.line);
  return (path) => {
    if (program === undefined || definition === undefined) return call;
    return { file: call.file, line: lineOf(program, definition, path) ?? call.line };
  };
}

/** The file without its types, on the same lines. */
async function programOf(file: string): Promise<Program> {
  const source = await readFile(file, "utf8");
  const code = createJiti(import.meta.url, { fsCache: false }).transform({ source, filename: file, ts: true, retainLines: true });
  return parse(code, { ecmaVersion: "latest", locations: true, sourceType: "script", allowHashBang: true });
}

interface Found {
  readonly at: Node;
  readonly value: Expression;
}

function definitionAt(program: Program, line: number): ObjectExpression | undefined {
  for (const node of nodesOf(program)) {
    if (node.type !== "CallExpression" || node.loc?.start.line !== line) continue;
    const [first] = (node as CallExpression).arguments;
    const value = first === undefined || first.type === "SpreadElement" ? undefined : resolved(program, first);
    if (value?.type === "ObjectExpression") return value;
  }
  return undefined;
}

function lineOf(program: Program, definition: ObjectExpression, path: FaultPath): number | undefined {
  let value: Expression | undefined = definition;
  let line: number | undefined;
  for (const key of path) {
    const found: Found | undefined = value && childOf(value, key);
    if (found === undefined) return line;
    line = found.at.loc?.start.line ?? line;
    value = resolved(program, found.value);
  }
  return line;
}

function childOf(value: Expression, key: FaultPath[number]): Found | undefined {
  if (typeof key === "object") return value.type === "ArrayExpression" ? elementOf(value, key) : undefined;
  if (value.type !== "ObjectExpression") return undefined;
  for (const property of value.properties) {
    if (property.type !== "Property" || property.computed) continue;
    const name = property.key.type === "Identifier" ? property.key.name : property.key.type === "Literal" ? String(property.key.value) : "";
    if (name === key) return { at: property, value: property.value };
  }
  return undefined;
}

/** Elements that a spread brings have no place here, and those behind it not the number that they have in the list: they go by what they are called. */
function elementOf({ elements }: ArrayExpression, { index, name, port }: ListElement): Found | undefined {
  const called = (element: Expression) => {
    const own = (field: string) => {
      const value = childOf(element, field)?.value;
      return value?.type === "Literal" ? value.value : undefined;
    };
    return name === undefined ? port !== undefined && own("port") === port : own("name") === name;
  };
  const counted = elements.slice(0, index + 1).some((each) => each?.type === "SpreadElement") ? undefined : elements[index];
  const found = counted ?? elements.findLast((each) => each !== null && each.type !== "SpreadElement" && called(each));
  return found === undefined || found === null || found.type === "SpreadElement" ? undefined : { at: found, value: found };
}

/** What a constant of the file stands for. */
function resolved(program: Program, value: Expression): Expression {
  if (value.type !== "Identifier") return value;
  for (const node of nodesOf(program)) {
    if (node.type === "VariableDeclarator" && "id" in node && "init" in node) {
      const { id, init } = node as unknown as { readonly id: Node & { readonly name?: string }; readonly init: Expression | null };
      if (id.name === value.name && init !== null && init.type !== "Identifier") return init;
    }
  }
  return value;
}

function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of Object.values(node)) {
    for (const each of Array.isArray(child) ? child : [child]) {
      if (typeof each === "object" && each !== null && "type" in each && typeof each.type === "string") yield* nodesOf(each);
    }
  }
}
