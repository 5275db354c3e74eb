/** The folder of the schemas of `--json`. */
export const SCHEMAS = new URL("../docs/reference/json/", import.meta.url);

/** The name of the file for the document of a verb (`up`, `cluster check`), or of an `error`. */
export function schemaFile(verb: string): string {
  return `${verb.replaceAll(" ", "-")}.schema.json`;
}
