/** An element of a list in a definition, with what it is called there. */
export interface ListElement {
  readonly index: number;
  readonly name?: string;
  readonly port?: number;
}

/** Where something stands in a definition: fields, and elements of lists. */
export type FaultPath = readonly (string | ListElement)[];

/** A path inside a definition, `hosts[2].settings.save`, as its keys. A setting of a module keeps its dot: `settings`, `search.timeout`. */
function keysOf(at: string): readonly (string | number)[] {
  const keys: (string | number)[] = [];
  for (let rest = at; rest !== ""; ) {
    const found = /^\.?([^.[\]]+)|^\[(\d+)\]/.exec(rest);
    if (found === null || keys.at(-1) === "settings") return [...keys, rest.replace(/^\./, "")];
    keys.push(found[2] === undefined ? (found[1] ?? "") : Number(found[2]));
    rest = rest.slice(found[0].length);
  }
  return keys;
}

/** The path with the name of a host, a master or a hypervisor, or the port of an instance, in place of its number in a list: `hosts["redis-38"].instances[port 6380]`. */
export function namedPath(path: FaultPath): string {
  return path.reduce<string>((shown, key) => {
    if (typeof key === "string") return shown === "" ? key : `${shown}.${key}`;
    const { index, name, port } = key;
    return `${shown}[${name === undefined ? (port === undefined ? index : `port ${port}`) : JSON.stringify(name)}]`;
  }, "");
}

/** Keys of a path with what its elements are called in the definition. */
export function elementsOf(at: string, definition: unknown): FaultPath {
  let value = definition;
  return keysOf(at).map((key) => {
    value = childOf(value, key);
    if (typeof key === "string") return key;
    const [name, port] = [childOf(value, "name"), childOf(value, "port")];
    return {
      index: key,
      ...(typeof name === "string" && name !== "" && { name: name.slice(0, 80) }),
      ...(typeof port === "number" && { port }),
    };
  });
}

function childOf(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(String(key)) : undefined;
}
