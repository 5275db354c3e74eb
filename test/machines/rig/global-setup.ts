import { worldContext } from "./world.ts";

/** Fails at once, and with the command to use, when the tests were started outside of the machines' network. */
export default function setup(): void {
  worldContext();
}
