import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { raw, sh, shellQuote } from "../../lib/connection/quote.ts";

function shell(script: string): Buffer {
  return execFileSync("sh", ["-c", script]);
}

/** Whole Unicode, and much of what a shell gives a meaning to. */
const text = fc
  .oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."'\"\\$`!*?[]{}()<>|&;#~=%^ \t\n\r-äß日a1".split("")) }))
  .map((value) => value.replaceAll("\0", ""));

describe("shellQuote", () => {
  it("gives any string back, byte for byte, from the real sh", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), (values) => {
        const output = shell(sh`for word in ${values}; do printf '%s\\0' "$word"; done`);
        expect(output).toEqual(Buffer.from(values.map((value) => `${value}\0`).join("")));
      }),
      { numRuns: 60 },
    );
  });

  it("keeps a value inside a word, next to other text", () => {
    expect(shell(sh`printf %s /a/${"it's $HOME"}/b`).toString()).toBe("/a/it's $HOME/b");
  });

  it("writes numbers as they are and lists as words", () => {
    expect(sh`kill -${9} ${[1, 2]}`).toBe("kill -9 1 2");
    expect(sh`echo ${[]}`).toBe("echo ");
    expect(shellQuote(["a b", "c"])).toBe("'a b' 'c'");
  });

  it("takes a marked fragment as it is", () => {
    expect(sh`test -e ${"x"} && ${raw(sh`rm ${"y z"}`)}`).toBe("test -e 'x' && rm 'y z'");
  });

  it("refuses NUL and numbers that are none", () => {
    expect(() => shellQuote("a\0b")).toThrow(expect.objectContaining({ code: "connection.nul" }));
    expect(() => shellQuote(Number.NaN)).toThrow(RangeError);
  });
});

describe("sh`…` refuses a value where quoting cannot protect", () => {
  const value = "$(id)";
  it.each([
    ["double quotes", () => sh`echo "${value}"`],
    ["single quotes", () => sh`echo '${value}'`],
    ["double quotes in a substitution", () => sh`x=$(echo "a ${value}")`],
    ["a comment", () => sh`true # ${value}`],
    ["double quotes after a substitution", () => sh`echo "$(date) ${value}"`],
  ])("%s", (_, make) => {
    expect(make).toThrow(/it brings its own quotes/);
  });

  it.each([
    ["a substitution inside double quotes", () => sh`test "$(cat ${value})" = x`, `test "$(cat '$(id)')" = x`],
    ["after an escaped quote", () => sh`echo \\" ${value}`, `echo \\" '$(id)'`],
    ["after a comment with an apostrophe", () => sh`# don't\necho ${value}`, "# don't\necho '$(id)'"],
    ["after $#", () => sh`test $# = 0; echo ${value}`, "test $# = 0; echo '$(id)'"],
    ["in a subshell of a substitution", () => sh`x="$( (cd /; ls) | grep ${value})"`, `x="$( (cd /; ls) | grep '$(id)')"`],
    ["in a case outside substitutions", () => sh`case $x in a) echo ${value};; esac`, "case $x in a) echo '$(id)';; esac"],
  ])("but not %s", (_, make, script) => {
    expect(make()).toBe(script);
  });
});
