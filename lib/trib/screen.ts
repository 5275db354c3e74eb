import { plainText } from "../base/terminal-text.ts";
import { untilAborted } from "../base/until-aborted.ts";
import { Quit, type TribHost } from "./host.ts";

/** Colours by the first three characters of a line (xputs of redis-trib.rb 4.0.14). */
const COLOURS: Readonly<Record<string, string>> = { ">>>": "29;1", "[ER": "31;1", "[WA": "31;1", "[OK": "32", "[FA": "33", "***": "33" };

/** Standard output in the ways of redis-trib.rb, and the questions that it asks there. */
export class Screen {
  readonly #host: Pick<TribHost, "write" | "ask" | "signal">;
  readonly #coloured: boolean;
  #midLine = false;

  constructor(host: Pick<TribHost, "write" | "ask" | "signal" | "environment">) {
    this.#host = host;
    this.#coloured = host.environment["TERM"] === "xterm";
  }

  /** A line, coloured by how it begins where TERM is exactly `xterm`. */
  xputs(line: string): void {
    const colour = this.#coloured ? COLOURS[line.slice(0, 3)] : undefined;
    if (colour === undefined) this.puts(line);
    else this.#write(`\u001b[${colour}m${plainText(line)}\u001b[0m\n`);
  }

  /** A line without colour. */
  puts(line = ""): void {
    this.print(`${line}\n`);
  }

  print(text: string): void {
    this.#write(plainText(text));
  }

  #write(text: string): void {
    if (text === "") return;
    this.#host.write(text);
    this.#midLine = !text.endsWith("\n");
  }

  /** Ends a line that was begun. */
  endLine(): void {
    if (this.#midLine) this.puts();
  }

  /** The answer to a question, undefined at the end of standard input. @throws the reason of an abort while it waits */
  async ask(question: string): Promise<string | undefined> {
    const { signal } = this.#host;
    signal.throwIfAborted();
    this.print(question);
    const answer = await untilAborted(this.#host.ask(), signal);
    // On a terminal it was the user who ended the line.
    this.#midLine = false;
    return answer;
  }

  /** Goes on with `yes` alone. @throws Quit */
  async yesOrDie(question: string): Promise<void> {
    const answer = await this.ask(`${question} (type 'yes' to accept): `);
    if (answer?.toLowerCase() === "yes") return;
    this.xputs("*** Aborting...");
    throw new Quit(1);
  }

  /** Says a last line and ends. @throws Quit */
  die(line: string): never {
    this.endLine();
    this.xputs(line);
    throw new Quit(1);
  }
}
