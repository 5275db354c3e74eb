import { isLabError, messageOf } from "../base/error.ts";
import type { Options } from "./arguments.ts";
import { unreadablePassword } from "./errors.ts";
import type { TribHost } from "./host.ts";

/** What is said to every node; nothing where no password was given. */
export interface TribCredentials {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const WARNING = "Warning: a password on the command line can be read by others; use --password-file, REDISCLI_AUTH or --askpass.";

/** The password of the nodes: the command line first, then the environment. @throws LabError `trib.unreadable-password` */
export async function nodeCredentials(options: Options, host: TribHost): Promise<TribCredentials> {
  const onCommandLine = options.value("a") ?? options.value("pass");
  if (onCommandLine !== undefined && !options.has("no-auth-warning")) host.warn(WARNING);
  const { REDISCLI_AUTH, REDIS_LAB_PASSWORD } = host.environment;
  const password =
    onCommandLine ??
    (await fromFile(options.value("password-file"), host)) ??
    (options.has("askpass") ? await host.askSecret("Please input password: ") : undefined) ??
    nonEmpty(REDISCLI_AUTH) ??
    nonEmpty(REDIS_LAB_PASSWORD);
  return { user: options.value("user"), password: nonEmpty(password) };
}

/** The password of the server that `import` reads from, which need not be that of the cluster. @throws LabError `trib.unreadable-password` */
export async function sourceCredentials(options: Options, host: TribHost): Promise<TribCredentials> {
  const onCommandLine = options.value("from-pass");
  if (onCommandLine !== undefined && !options.has("no-auth-warning")) host.warn(WARNING);
  const password =
    onCommandLine ??
    (await fromFile(options.value("from-password-file"), host)) ??
    (options.has("from-askpass") ? await host.askSecret("Please input import source node password: ") : undefined);
  return { user: options.value("from-user"), password: nonEmpty(password) };
}

/** The first line. */
async function fromFile(path: string | undefined, host: TribHost): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await host.readPasswordFile(path).catch((error: unknown) => {
    if (isLabError(error)) throw error;
    throw unreadablePassword(path, messageOf(error));
  });
  const [line = ""] = text.split(/\r?\n/);
  if (line === "") throw unreadablePassword(path, "its first line is empty");
  return line;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
