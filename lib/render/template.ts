import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Handlebars from "handlebars";
import { lineBreakInValue, templatesMissing } from "./errors.ts";

/** What a template may be given: text, flags for `#if`, lists and records of those. */
export type ViewValue = string | number | boolean | readonly ViewValue[] | { readonly [field: string]: ViewValue };

// An instance of its own, so that no helper that a user's program registers on the shared one reaches our templates.
const handlebars = Handlebars.create();
const compiled = new Map<string, Handlebars.TemplateDelegate>();

/**
 * The text of `templates/NAME.hbs` for a view. Templates compile on their first use. A field that the view lacks is an error (strict), values are taken as they
 * are (no HTML escaping) and never read as a template.
 *
 * @throws LabError `render.line-break` for a value with a line break or a NUL byte
 */
export function renderTemplate<View extends { readonly [Field in keyof View]: ViewValue }>(name: string, view: View): string {
  refuseLineBreaks(name, view, "");
  const template =
    compiled.get(name) ??
    handlebars.compile(readFileSync(join(templatesFolder(), `${name}.hbs`), "utf8"), {
      strict: true,
      noEscape: true,
      preventIndent: true,
      knownHelpersOnly: true,
    });
  compiled.set(name, template);
  return template(view);
}

let found: string | undefined;

/** The folder `templates` of the package: two folders up from lib/render, three up from dist/lib/render. */
function templatesFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, "../../templates"), join(here, "../../../templates")];
  found ??= candidates.find((folder) => existsSync(join(folder, "redis.conf.hbs")));
  if (found === undefined) throw templatesMissing(candidates);
  return found;
}

/** @throws LabError `render.line-break` for a text, at any depth, that would become more than one line */
export function refuseLineBreaks(template: string, value: ViewValue | Record<string, ViewValue>, field: string): void {
  if (typeof value === "string") {
    // U+0085, U+2028 and U+2029 are no line ends for Redis, systemd or sh, but they are for some editors and for reviewers.
    if (/[\0\r\n\u0085\u2028\u2029]/.test(value)) throw lineBreakInValue(template, field);
  } else if (typeof value === "object") {
    for (const [name, inner] of Object.entries(value)) refuseLineBreaks(template, inner, field === "" ? name : `${field}.${name}`);
  }
}
