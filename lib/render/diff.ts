import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import type { Secrets } from "../lab/secrets.ts";
import { mask } from "./mask.ts";

/** Lines of context around a change. */
const CONTEXT = 3;

/**
 * The unified diff of a file, with secrets masked in both texts before they are compared; empty when nothing differs. A change of a password shows as one of its
 * tokens (`<another password>` → `<password k3f9>`), or in words where both have the same.
 *
 * @param before undefined: there is no such file
 * @param after undefined: the file goes away
 */
export function maskedDiff(path: string, before: string | undefined, after: string | undefined, secrets: Secrets): string {
  if (before === after) return "";
  const from = before === undefined ? "/dev/null" : path;
  const to = after === undefined ? "/dev/null" : path;
  const [old, wanted] = [mask(before ?? "", secrets), mask(after ?? "", secrets)];
  const patch = createTwoFilesPatch(from, to, old, wanted, undefined, undefined, { context: CONTEXT, headerOptions: FILE_HEADERS_ONLY });
  return old === wanted && from === to ? `${patch} (only a secret differs)\n` : patch;
}
