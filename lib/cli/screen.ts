import { forTerminal, wantsColours } from "../report/print.ts";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** A screen of its own on a terminal: what stood there before is there again afterwards, however the process ends. */
export interface OwnScreen {
  /** Lines take the place of what is shown, without a flicker. */
  show(text: string): void;
  leave(): void;
}

export function openScreen(output: NodeJS.WriteStream): OwnScreen {
  const leave = () => {
    process.off("exit", leave);
    output.write(LEAVE);
  };
  // A second Ctrl-C ends the process at once.
  process.on("exit", leave);
  output.write(ENTER);
  return {
    show: (text) => output.write(`\u001b[H${forTerminal(text, wantsColours(output)).replaceAll("\n", "\u001b[K\n")}\u001b[K\u001b[J`),
    leave,
  };
}
