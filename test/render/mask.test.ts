import { describe, expect, test } from "vitest";
import { maskedDiff } from "../../lib/render/diff.ts";
import { mask } from "../../lib/render/mask.ts";

const secrets = { password: "new-password-0123456789", generation: "k3f9", previous: "new-password-0123456789-old" };

describe("mask", () => {
  test("names the generation of our password, wherever it stands", () => {
    expect(mask(`requirepass ${secrets.password}\nAUTH ${secrets.password}!`, secrets)).toBe(
      "requirepass <password k3f9>\nAUTH <password k3f9>!",
    );
  });

  test("knows the previous password, also when it contains the new one", () => {
    expect(mask(`masterauth ${secrets.previous}`, secrets)).toBe("masterauth <previous password>");
  });

  test.each([
    ["requirepass 123456", "requirepass <another password>"],
    ["  MASTERAUTH   111111  ", "  MASTERAUTH   <another password>"],
    ['requirepass "with spaces and \\" quote"', "requirepass <another password>"],
    ["sentinel auth-pass mymaster 123456", "sentinel auth-pass mymaster <another password>"],
    ["sentinel sentinel-pass 123456", "sentinel sentinel-pass <another password>"],
    ["# requirepass foobared", "# requirepass <another password>"],
    ["-requirepass 123456", "-requirepass <another password>"],
    [
      "user default on #5e884898 >plain <gone !8898 ~* +@all",
      "user default on #<another password> ><another password> <<another password> !<another password> ~* +@all",
    ],
  ])("hides what is not ours: %s", (line, masked) => {
    expect(mask(`port 6379\n${line}\ndir /data\n`, secrets)).toBe(`port 6379\n${masked}\ndir /data\n`);
  });

  test("leaves other lines alone, and does not reach into the next line", () => {
    const text = "requirepass\nmaxclients 10000\nsentinel auth-pass mymaster\ndir /data\n";
    expect(mask(text, secrets)).toBe(text);
  });

  test("changes nothing the second time", () => {
    const once = mask(`requirepass "${secrets.password}"\nmasterauth x\nuser default on >${secrets.password} #abc\n`, secrets);
    expect(mask(once, secrets)).toBe(once);
    expect(once).not.toMatch(/0123456789|abc|masterauth x/);
  });
});

describe("maskedDiff", () => {
  test("is a unified diff without any password", () => {
    const diff = maskedDiff("/etc/r.conf", "port 1\nrequirepass 123456\n", `port 2\nrequirepass ${secrets.password}\n`, secrets);
    expect(diff).toBe(
      "--- /etc/r.conf\n+++ /etc/r.conf\n@@ -1,2 +1,2 @@\n-port 1\n-requirepass <another password>\n+port 2\n+requirepass <password k3f9>\n",
    );
  });

  test("says so when all that differs is a password that is not ours", () => {
    expect(maskedDiff("/a", "requirepass one\n", "requirepass two\n", secrets)).toBe("--- /a\n+++ /a\n (only a secret differs)\n");
  });

  test("is empty when nothing differs, and names /dev/null for a file that is not there", () => {
    expect(maskedDiff("/a", "x\n", "x\n", secrets)).toBe("");
    expect(maskedDiff("/a", undefined, "x\n", secrets)).toBe("--- /dev/null\n+++ /a\n@@ -0,0 +1,1 @@\n+x\n");
    expect(maskedDiff("/a", "x\n", undefined, secrets)).toBe("--- /a\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-x\n");
  });
});
