import { userInfo } from "node:os";

/**
 * The name of the calling user. A user id without an account (containers that run under any id) has what USER says, else its number.
 *
 * @param lookUp throws where there is no account
 */
export function ownName(environment: NodeJS.ProcessEnv = process.env, lookUp: () => { readonly username: string } = userInfo): string {
  try {
    return lookUp().username;
  } catch {
    return environment["USER"] || String(process.getuid?.());
  }
}
