import type * as v from "valibot";
import { didYouMean } from "../base/nearest.ts";
import type { LabFault } from "./errors.ts";

type AnySchema = v.GenericSchema;

/**
 * Every field of a definition that no schema has. A schema alone passes over them, and what a typing error was meant to set keeps its default in silence.
 *
 * @param at path of `value` inside the definition
 */
export function unknownFields(schema: AnySchema, value: unknown, at = ""): readonly LabFault[] {
  const inner = unwrap(schema);
  if (Array.isArray(value))
    return isType<{ item: AnySchema }>(inner, "array")
      ? value.flatMap((each, index) => unknownFields(inner.item, each, `${at}[${index}]`))
      : [];
  if (typeof value !== "object" || value === null) return [];
  if (isType<{ options: readonly AnySchema[] }>(inner, "union")) {
    const object = inner.options.find((option) => unwrap(option).type === "object");
    return object === undefined ? [] : unknownFields(object, value, at);
  }
  if (isType<{ key: string; options: readonly AnySchema[] }>(inner, "variant")) {
    const meant = inner.options.find((option) =>
      accepts(entriesOf(option)?.[inner.key], Object.entries(value).find(([key]) => key === inner.key)?.[1]),
    );
    return meant === undefined ? [] : unknownFields(meant, value, at);
  }
  const entries = entriesOf(inner);
  if (entries === undefined) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const path = at === "" ? key : `${at}.${key}`;
    const field = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (field !== undefined) return unknownFields(field, each, path);
    const known = Object.keys(entries);
    const hint = didYouMean(key, known) || `; the fields here are ${known.join(", ")}`;
    return [{ code: "lab.unknown-field", at: path, text: `there is no such field${hint}` }];
  });
}

/** Whether a field that tells forms apart, a literal or one of several, has the value. */
function accepts(schema: AnySchema | undefined, value: unknown): boolean {
  if (schema === undefined) return false;
  const inner = unwrap(schema);
  if (isType<{ literal: unknown }>(inner, "literal")) return inner.literal === value;
  return isType<{ options: readonly unknown[] }>(inner, "picklist") && inner.options.includes(value);
}

function entriesOf(schema: AnySchema): Readonly<Record<string, AnySchema>> | undefined {
  const inner = unwrap(schema);
  return isType<{ entries: Readonly<Record<string, AnySchema>> }>(inner, "object") ? inner.entries : undefined;
}

/** Without pipes and `optional`. */
function unwrap(schema: AnySchema): AnySchema {
  if ("pipe" in schema && Array.isArray(schema.pipe) && schema.pipe[0] !== schema) return unwrap(schema.pipe[0]);
  return isType<{ wrapped: AnySchema }>(schema, "optional") ? unwrap(schema.wrapped) : schema;
}

function isType<Shape>(schema: AnySchema, type: string): schema is AnySchema & Shape {
  return schema.type === type;
}
