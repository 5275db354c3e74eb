import type { VerbContext } from "./context.ts";

/** What the process hands to the program. */
export interface ProgramHost {
  readonly signal: AbortSignal;
  readonly exitWith: (code: number) => void;
}

/** What a verb's module exports: its work, returning an exit code. Options are what commander parsed. */
export interface Verb<Options = Record<string, never>> {
  run(context: VerbContext, options: Options, words: readonly string[]): Promise<number>;
}
