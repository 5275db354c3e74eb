import { LabError } from "../base/error.ts";

/** A value with a line break would add directives of its own to a file. Lab and secrets refuse such values; this is the last gate. */
export function lineBreakInValue(template: string, field: string): LabError {
  return new LabError({
    code: "render.line-break",
    kind: "refused",
    what: `The value of ${field} in ${template} contains a line break or a NUL byte.`,
    why: "It would smuggle further lines into a configuration file.",
    next: "Take the line break out of the lab (`redis.settings`, names and paths) or of the password file.",
  });
}

/** A managed block was begun and not ended, so where it ends is anyone's guess. */
export function brokenBlock(begin: string, end: string): LabError {
  return new LabError({
    code: "render.broken-block",
    kind: "refused",
    what: `The file has a line "${begin}" without its "${end}".`,
    why: "redis-lab replaces what is between the two, and can't tell what is its own.",
    next: `Remove the line "${begin}" and what belongs to it by hand, then run the command again.`,
  });
}

/** The templates are part of the package; without them it is incomplete. */
export function templatesMissing(searched: readonly string[]): LabError {
  return new LabError({
    code: "render.templates-missing",
    kind: "environment",
    what: `No folder with the templates of redis-lab; looked in ${searched.join(" and ")}.`,
    why: "They are part of the package.",
    next: "Install redis-lab again.",
  });
}

/** Redis ends at its start with "Unbalanced quotes in configuration line". */
export function unreadableValue(name: string, value: string): LabError {
  return new LabError({
    code: "render.unreadable-value",
    kind: "refused",
    what: `The value of ${name} can't be read as words: ${value}`,
    why: "Its quotes are not balanced, or text follows a closing quote at once.",
    next: `Correct ${name} in \`redis.settings\` of the lab.`,
  });
}
