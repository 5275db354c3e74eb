import type { OperationKind, OperationLine } from "../history.ts";

const KINDS: Readonly<Record<OperationKind, true>> = { write: true, register: true, count: true, read: true, look: true };

/** @returns the line, or what is wrong with it */
export function parseOperation(text: string): OperationLine | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  if (typeof value !== "object" || value === null) return "it is no object";
  const { k, o, t, w, op, key, v, late, error, node, n, from, to } = value as Record<string, unknown>;
  if (!isCount(o)) return "o is no number of an operation";
  if (!isCount(t)) return "t is no time in microseconds";
  if (node !== undefined && !isShort(node)) return "node is no instance";
  const answered = { o, t, ...(node !== undefined && { node }) };
  switch (k) {
    case "invoke":
      if (!isCount(w)) return "w is no number of a writer";
      if (typeof op !== "string" || !Object.hasOwn(KINDS, op)) return "op is no kind of operation";
      if (!isShort(key) || key === "") return "key is no key";
      if (v !== undefined && !isCount(v)) return "v is no sequence number";
      if (v === undefined && (op === "write" || op === "register")) return "v is missing";
      if (late !== undefined && !isCount(late)) return "late is no time in microseconds";
      return { k, o, t, w, op: op as OperationKind, key, ...(v !== undefined && { v }), ...(late !== undefined && { late }) };
    case "ok":
      if (v !== undefined && v !== null && !Number.isSafeInteger(v)) return "v is no whole number";
      return { k, ...answered, ...(v !== undefined && { v: v as number | null }) };
    case "fail":
    case "unknown":
      return typeof error === "string" ? { k, ...answered, error } : "error is no text";
    case "unsent":
      if (!isCount(n) || n === 0) return "n is no number of operations";
      if (!isCount(w)) return "w is no number of a writer";
      if (op !== "write" && op !== "look") return "op is neither write nor look";
      if (!isCount(from) || !isCount(to)) return "from or to is no time in microseconds";
      return typeof error === "string" ? { k, o, n, t, w, op, from, to, error } : "error is no text";
    default:
      return "k is none of invoke, ok, fail, unknown and unsent";
  }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isShort(value: unknown): value is string {
  return typeof value === "string" && value.length <= 512;
}
