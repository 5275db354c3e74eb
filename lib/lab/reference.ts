import * as v from "valibot";
import { labSchema } from "./schema.ts";

type AnySchema = v.GenericSchema;

/** One field of a lab, for the configuration reference. */
export interface ReferenceField {
  /** Path, for example `hosts[].address`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** Every field of a lab definition that has a description, in the order of the schema. */
export function referenceFields(): readonly ReferenceField[] {
  return fieldsOf(labSchema, "");
}

/** The configuration reference as a Markdown table. */
export function referenceTable(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return [
    "| field | type | what |",
    "| --- | --- | --- |",
    ...referenceFields().map(
      ({ path, type, required, description }) => `| \`${path}\`${required ? "" : " (optional)"} | ${cell(type)} | ${cell(description)} |`,
    ),
  ].join("\n");
}

function fieldsOf(schema: AnySchema, path: string): ReferenceField[] {
  const inner = unwrap(schema);
  if (isKind<{ entries: Record<string, AnySchema> }>(inner, "object")) {
    return Object.entries(inner.entries).flatMap(([key, field]) => {
      const at = path === "" ? key : `${path}.${key}`;
      const description = v.getDescription(field);
      const own =
        description === undefined ? [] : [{ path: at, type: typeName(field), required: unpiped(field).type !== "optional", description }];
      return [...own, ...fieldsOf(field, at)];
    });
  }
  if (isKind<{ item: AnySchema }>(inner, "array")) return fieldsOf(inner.item, `${path}[]`);
  if (isKind<{ options: readonly AnySchema[] }>(inner, "variant"))
    return inner.options.flatMap((option) => fieldsOf(option, `${path}(${variantName(option)})`));
  if (isKind<{ options: readonly AnySchema[] }>(inner, "union")) return inner.options.flatMap((option) => fieldsOf(option, path));
  return [];
}

function typeName(schema: AnySchema): string {
  const inner = unwrap(schema);
  if (isKind<{ item: AnySchema }>(inner, "array")) return `list of ${typeName(inner.item)}`;
  if (isKind<{ value: AnySchema }>(inner, "record")) return "object";
  if (isKind<{ options: readonly unknown[] }>(inner, "picklist")) return inner.options.map((option) => `\`${String(option)}\``).join(", ");
  if (isKind<{ options: readonly AnySchema[] }>(inner, "union")) return [...new Set(inner.options.map(typeName))].join(" or ");
  if (isKind<{ options: readonly AnySchema[] }>(inner, "variant"))
    return inner.options.map((option) => `\`${variantName(option)}\``).join(", ");
  return inner.type;
}

/** The literal that tells one form of a variant from the others. */
function variantName(schema: AnySchema): string {
  const inner = unwrap(schema);
  if (!isKind<{ entries: Record<string, AnySchema> }>(inner, "object")) return inner.type;
  const literal = Object.values(inner.entries)
    .map(unwrap)
    .find((entry) => isKind<{ literal: unknown }>(entry, "literal"));
  return literal !== undefined && isKind<{ literal: unknown }>(literal, "literal") ? String(literal.literal) : inner.type;
}

/** Without the pipe, and without `optional`. */
function unwrap(schema: AnySchema): AnySchema {
  const base = unpiped(schema);
  return isKind<{ wrapped: AnySchema }>(base, "optional") ? unwrap(base.wrapped) : base;
}

function unpiped(schema: AnySchema): AnySchema {
  return "pipe" in schema && Array.isArray(schema.pipe) ? unpipedHead(schema.pipe[0]) : schema;
}

function unpipedHead(head: AnySchema): AnySchema {
  return "pipe" in head && Array.isArray(head.pipe) && head.pipe[0] !== head ? unpiped(head) : head;
}

function isKind<Shape>(schema: AnySchema, type: string): schema is AnySchema & Shape {
  return schema.type === type;
}
