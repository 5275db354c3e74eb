import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blockMarkers, mergeBlock, removeBlock, wrapBlock } from "../../lib/render/block.ts";

const block = wrapBlock("cluster", "10.0.0.1 one\n");
const HOSTS = "127.0.0.1 localhost\n::1 localhost\n";

describe("a block in a file that others edit", () => {
  test("goes to the end of a file", () => {
    expect(mergeBlock(HOSTS, block)).toBe(`${HOSTS}# BEGIN redis-lab cluster\n10.0.0.1 one\n# END redis-lab cluster\n`);
  });

  test("is the whole file where there is none", () => {
    expect(mergeBlock(undefined, block)).toBe(block);
    expect(mergeBlock("", block)).toBe(block);
  });

  test("does not join a last line without an end", () => {
    expect(mergeBlock("127.0.0.1 localhost", block)).toBe(`127.0.0.1 localhost\n${block}`);
    expect(mergeBlock(`127.0.0.1 localhost\n${block.trimEnd()}`, block)).toBe(`127.0.0.1 localhost\n${block}`);
  });

  test("is replaced where it stands, and lines around it stay", () => {
    const changed = wrapBlock("cluster", "10.0.0.2 two\n10.0.0.3 three");
    expect(mergeBlock(`before\n${block}after\n`, changed)).toBe(`before\n${changed}after\n`);
  });

  test("of another lab, even one whose name begins alike, is left alone", () => {
    const other = wrapBlock("cluster-2", "10.0.0.9 nine\n");
    expect(mergeBlock(other, block)).toBe(other + block);
    expect(removeBlock(other + block, "cluster")).toBe(other);
  });

  test("that stands twice stands once afterwards", () => {
    expect(mergeBlock(`${block}between\n${block}`, block)).toBe(`${block}between\n`);
  });

  test("that is not ended is refused, with what to do", () => {
    expect(() => mergeBlock("# BEGIN redis-lab cluster\n10.0.0.1 one\n", block)).toThrow(
      expect.objectContaining({ code: "render.broken-block", next: expect.stringContaining("by hand") }),
    );
    expect(() => removeBlock("# BEGIN redis-lab cluster\n", "cluster")).toThrow(expect.objectContaining({ code: "render.broken-block" }));
  });

  test("only whole lines are markers", () => {
    const text = `# see # BEGIN redis-lab cluster\n`;
    expect(removeBlock(text, "cluster")).toBe(text);
  });
});

describe("a block in a script", () => {
  const script = `#!/bin/sh\n${block}`;

  test("comes with a shebang where the script has none", () => {
    expect(mergeBlock(undefined, script)).toBe(script);
    expect(mergeBlock("touch /var/lock/subsys/local\n", script)).toBe(`${script}touch /var/lock/subsys/local\n`);
  });

  test("keeps the script's own shebang and stands before any exit", () => {
    expect(mergeBlock("#!/bin/bash -e\n# mine\nexit 0\n", script)).toBe(`#!/bin/bash -e\n${block}# mine\nexit 0\n`);
    expect(mergeBlock("#!/bin/bash", script)).toBe(`#!/bin/bash\n${block}`);
  });
});

describe("for any text", () => {
  const line = fc.constantFrom(
    "",
    "127.0.0.1 localhost",
    "  # comment",
    "exit 0",
    "# BEGIN redis-lab other",
    "# END redis-lab other",
    "$(x) {{y}}",
  );
  const text = fc.tuple(fc.array(line), fc.boolean()).map(([lines, ended]) => lines.join("\n") + (ended ? "\n" : ""));
  const wanted = fc
    .tuple(fc.array(line), fc.boolean())
    .map(([lines, script]) => (script ? "#!/bin/sh\n" : "") + wrapBlock("cluster", lines.join("\n")));

  test("merging again changes nothing, and removal gives the text back", () => {
    fc.assert(
      fc.property(text, wanted, (before, content) => {
        const merged = mergeBlock(before, content);
        expect(mergeBlock(merged, content)).toBe(merged);
        expect(merged).toContain(`${blockMarkers("cluster").begin}\n`);
        const ended = before === "" || before.endsWith("\n") ? before : `${before}\n`;
        expect(removeBlock(merged, "cluster").replace(/^#!\/bin\/sh\n/, "")).toBe(ended);
      }),
    );
  });
});
