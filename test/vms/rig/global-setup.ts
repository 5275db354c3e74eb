import { worldContext } from "./world.ts";

/** Fails at once, and with the command to use, when the tests were started outside of the world that has a libvirtd for them. */
export default function setup(): void {
  worldContext();
}
