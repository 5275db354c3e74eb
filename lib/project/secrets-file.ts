import { join } from "node:path";
import * as v from "valibot";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import { isLabError } from "../base/error.ts";
import { errnoOf, fileNotRead } from "../base/errors.ts";
import { withFileLock } from "../base/file-lock.ts";
import { readPrivateFile } from "../base/private-file.ts";
import type { Lab } from "../lab/schema.ts";
import { assertPassword, generateGeneration, generatePassword, type Secrets } from "../lab/secrets.ts";
import { corruptFile, missingPassword } from "./errors.ts";
import type { Project } from "./project.ts";

const secretsSchema = v.object({
  password: v.string(),
  generation: v.string(),
  /** The password that instances may still have while a rotation is under way, and its predecessor's name. */
  previous: v.optional(v.string()),
  /** The password that `generation` names. It differs from `password` after the file was edited by hand: then a new generation begins. */
  applied: v.optional(v.string()),
});
type SecretsFile = v.InferOutput<typeof secretsSchema>;

/**
 * The lab's secrets: from its environment variable or file, else REDIS_LAB_PASSWORD, else .redis-lab/LAB/secrets.json, where the first call generates them (mode
 * 0600). Editing `password` in that file, or changing the variable, is how a password is rotated: the former one is kept as `previous` until `settleSecrets`.
 *
 * @throws LabError `secrets.*`, `project.corrupt-file`
 */
export async function loadSecrets(project: Project, lab: Lab, environment: NodeJS.ProcessEnv): Promise<Secrets> {
  const file = secretsFileOf(project, lab);
  const given = await givenPassword(project, lab, environment);
  const stored = await readSecretsFile(file);
  const next = nextSecrets(stored, given, file);
  const settled = isSame(next, stored) ? next : await changeSecrets(file, (now) => nextSecrets(now, given, file));
  const { password, generation, previous } = settled;
  return { password, generation, ...(previous !== undefined && { previous }) };
}

/** What the file is to hold, in the schema's order, so that what was read compares equal to what would be written. */
function nextSecrets(
  stored: SecretsFile | undefined,
  given: { readonly password: string; readonly where: string } | undefined,
  file: string,
): SecretsFile {
  const password = given?.password ?? stored?.password ?? generatePassword();
  assertPassword(password, given?.where ?? file);
  const former = stored?.applied ?? stored?.password;
  const rotated = former !== undefined && former !== password;
  const previous = rotated ? former : stored?.previous;
  return {
    password,
    generation: stored === undefined || rotated ? generateGeneration() : stored.generation,
    ...(previous !== undefined && { previous }),
    applied: password,
  };
}

/**
 * Changes the file by what it holds at that moment. Verbs that only look change it too, and the lab's lock is one for each target: without a lock of its own two first runs would each make a
 * password, and one of them would bring instances up with the one that is not kept.
 */
function changeSecrets<Next extends SecretsFile | undefined>(
  file: string,
  change: (stored: SecretsFile | undefined) => Next,
): Promise<Next> {
  return withFileLock(`${file}.lock`, "secrets", async () => {
    const stored = await readSecretsFile(file);
    const next = change(stored);
    if (next !== undefined && !isSame(next, stored)) await writeAtomically(file, `${JSON.stringify(next, null, 2)}\n`);
    return next;
  });
}

function isSame(one: SecretsFile | undefined, other: SecretsFile | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Forgets the former password, once every instance has `password`. One that was changed again meanwhile has a former one which instances still have. */
export async function settleSecrets(project: Project, lab: Lab, { password }: Pick<Secrets, "password">): Promise<void> {
  const file = secretsFileOf(project, lab);
  if ((await readSecretsFile(file))?.previous === undefined) return;
  await changeSecrets(file, (now) => {
    if (now?.password !== password) return now;
    const { previous: _, ...settled } = now;
    return settled;
  });
}

/**
 * Replaces the generated password by a new one, which the next `up` brings to every instance. A rotation that did not come to its end goes on instead: instances may still have the password
 * before it, which a second one would forget.
 */
export async function rotateSecrets(project: Project, lab: Lab): Promise<void> {
  const file = secretsFileOf(project, lab);
  if ((await readSecretsFile(file)) === undefined) return;
  await changeSecrets(file, (now) => (now === undefined || now.previous !== undefined ? now : { ...now, password: generatePassword() }));
}

export function secretsFileOf(project: Project, lab: Lab): string {
  return join(project.stateFolder, lab.name, "secrets.json");
}

async function readSecretsFile(file: string): Promise<SecretsFile | undefined> {
  const text = await readIfPresent(file);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), secretsSchema), text);
  if (parsed.success) return parsed.output;
  // The parser's own message could repeat a piece of the file.
  throw corruptFile(
    file,
    "it is not JSON with the fields password and generation",
    'Restore it from a backup, or put the password that the instances have into it: {"password": "…", "generation": "restored"}',
  );
}

async function givenPassword(
  project: Project,
  lab: Lab,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly password: string; readonly where: string } | undefined> {
  const source = lab.secrets.password;
  switch (source.from) {
    case "environment": {
      const password = environment[source.name];
      if (password === undefined || password === "")
        throw missingPassword(
          `the environment variable ${source.name} is not set, and the lab says that the password is there`,
          `Set ${source.name} and run the command again.`,
        );
      return { password, where: source.name };
    }
    case "file": {
      const path = join(project.root, source.path);
      const text = await readPrivateFile(source.path.startsWith("/") ? source.path : path).catch((error: unknown) => {
        if (errnoOf(error) === "ENOENT") return undefined;
        throw isLabError(error) ? error : fileNotRead(source.path, error);
      });
      const password = text?.trim();
      if (password === undefined || password === "")
        throw missingPassword(
          `${source.path} is absent or empty, and the lab says that the password is there`,
          "Write the password into that file (mode 0600) and run the command again.",
        );
      return { password, where: source.path };
    }
    case "generated": {
      const password = environment["REDIS_LAB_PASSWORD"];
      return password === undefined || password === "" ? undefined : { password, where: "REDIS_LAB_PASSWORD" };
    }
    default:
      return source satisfies never;
  }
}
