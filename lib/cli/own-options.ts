import { longName } from "./parameters.ts";
import type { Verb } from "./verb.ts";

/**
 * A command line whose end belongs to the command of a host or server, with redis-lab's own options where they are read: `ssh --labs FILE LAB HOST uptime` for `ssh LAB --labs FILE HOST uptime`
 * and `ssh LAB HOST --labs FILE uptime`. From the first word of that command, or `--`, everything stays as it is. Other command lines come back as they are.
 */
export function ownOptionsFirst(argv: readonly string[], verbs: readonly Verb[]): readonly string[] {
  const [name = "", ...words] = argv;
  const verb = verbs.find((each) => each.name === name);
  if (verb?.passesOn !== "all") return argv;
  const takesValue = new Map(
    Object.entries({ ...verb.shared, ...verb.options }).flatMap(([key, { short, value }]) =>
      [longName(key), short].flatMap((each) => (each === undefined ? [] : [[each, value !== undefined] as const])),
    ),
  );
  let before = Object.values(verb.arguments).filter(({ form }) => form === "one").length;
  const options: string[] = [];
  const given: string[] = [];
  let at = 0;
  for (; at < words.length && words[at] !== "--"; at += 1) {
    const word = words[at] ?? "";
    const [option = "", attached] = word.split("=", 2);
    const takes = takesValue.get(option);
    if (takes !== undefined) {
      const value = takes && attached === undefined ? words[at + 1] : undefined;
      options.push(word, ...(value === undefined ? [] : [value]));
      if (value !== undefined) at += 1;
    } else if (before === 0 || word.startsWith("-")) break;
    else {
      given.push(word);
      before -= 1;
    }
  }
  return [name, ...options, ...given, ...words.slice(at)];
}
