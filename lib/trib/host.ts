/** What redis-trib is given by the process that it runs in: it prints and asks through this, and nothing else. */
export interface TribHost {
  /** Standard output, as it comes. */
  write(text: string): void;
  /** Standard error, whole lines: what redis-trib.rb had no words for. */
  warn(line: string): void;
  /** The next line of standard input without its line break; undefined at its end. */
  ask(): Promise<string | undefined>;
  /** A line that is not shown while it is typed. The prompt goes to standard error. */
  askSecret(prompt: string): Promise<string | undefined>;
  readPasswordFile(path: string): Promise<string>;
  /** A new number in [0, 1) each time. */
  random(): number;
  now(): Date;
  /** TERM, REDISCLI_AUTH and REDIS_LAB_PASSWORD are read. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where a folder is made for values that a fix does not keep. */
  readonly folder: string;
  /** Aborted by SIGINT: what is in flight arrives, nothing else is begun. */
  readonly signal: AbortSignal;
}

/** Ends a command with an exit code, once everything has been said. */
export class Quit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.name = "Quit";
    this.code = code;
  }
}
