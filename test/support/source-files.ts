import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";

// Reading our own sources, for the tests that hold what they may import and say. Paths are relative to the root of the checkout.

export const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly types: boolean;
  readonly lazy: boolean;
}

export function filesBelow(folder: string, name: RegExp): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Without comments, as far as that can be told without a parser: what is between quotes is kept. */
export function codeOf(file: string): string {
  return textOf(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/\s\/\/ .*$/gm, "");
}

export function importsOf(file: string): readonly Import[] {
  const code = codeOf(file);
  const named = [...code.matchAll(/^(?:import|export)\s+(type\s)?([^"';]*?)\sfrom\s+"([^"]+)"/gm)].map(
    ([, type, names = "", specifier = ""]) => {
      const each = /^\{([\s\S]*)\}$/
        .exec(names.trim())?.[1]
        ?.split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "");
      const types = type !== undefined || (each?.every((name) => name.startsWith("type ")) ?? false);
      return { from: file, specifier, types, lazy: false };
    },
  );
  const bare = [...code.matchAll(/^import\s+"([^"]+)"/gm)].map(([, specifier = ""]) => ({
    from: file,
    specifier,
    types: false,
    lazy: false,
  }));
  const lazy = [...code.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, specifier = ""]) => ({
    from: file,
    specifier,
    types: false,
    lazy: true,
  }));
  return [...named, ...bare, ...lazy];
}

export function targetOf({ from, specifier }: Import): string | undefined {
  return specifier.startsWith(".") ? posix.normalize(posix.join(dirname(from), specifier)) : undefined;
}

export function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
