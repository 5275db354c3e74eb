import { describe, expect, test } from "vitest";
import { OS_FAMILIES, osFamilyOf, osSystemOf, parseOsRelease } from "../../lib/lab/os.ts";

const CENTOS_7 =
  'NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\n\nHOME_URL="https://www.centos.org/"\n';
const DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';

describe("the family of a system", () => {
  test.each([
    [CENTOS_7, "rhel"],
    [DEBIAN_12, "debian"],
    ["ID=linuxmint\nID_LIKE='ubuntu debian'\n", "debian"],
    ['ID="eurolinux"\nID_LIKE="rhel fedora centos"\n', "rhel"],
    ["ID=alpine\n", undefined],
    ["", undefined],
  ])("%j", (text, family) => {
    expect(osFamilyOf(parseOsRelease(text))).toBe(family);
  });

  test("only CentOS 7 has its package sources replaced", () => {
    const archived = (text: string) => osSystemOf(parseOsRelease(text))?.archived?.sourcesFile;
    expect(archived(CENTOS_7)).toBe("/etc/yum.repos.d/CentOS-Base.repo");
    expect(archived(CENTOS_7.replace('VERSION_ID="7"', 'VERSION_ID="8.4"'))).toBeUndefined();
    expect(archived('ID="rhel"\nVERSION_ID="7.9"\n')).toBeUndefined();
    expect(archived(DEBIAN_12)).toBeUndefined();
  });

  test.each([
    [CENTOS_7, "CentOS 7", ["policycoreutils-python"]],
    ['ID="rhel"\nVERSION_ID="7.9"\n', "RHEL 7 and its kin", ["policycoreutils-python"]],
    ['ID="ol"\nID_LIKE="fedora"\nVERSION_ID="7.9"\n', "RHEL 7 and its kin", ["policycoreutils-python"]],
    ['ID="centos"\nVERSION_ID="8"\n', "EL 8 and later", ["policycoreutils-python-utils"]],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n', "EL 8 and later", ["policycoreutils-python-utils"]],
    [DEBIAN_12, "Debian 12", []],
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n', "Ubuntu", []],
    ["ID=debian\n", "Debian's other releases and its kin", []],
  ])("the row of %j", (text, title, semanage) => {
    expect(osSystemOf(parseOsRelease(text))).toMatchObject({ title, semanagePackages: semanage });
  });

  test("what is not in the table has no row", () => {
    expect(osSystemOf(parseOsRelease("ID=alpine\nVERSION_ID=3.19\n"))).toBeUndefined();
  });

  test("a row that was tried on no real machine says so, and every family ends with one that fits all", () => {
    const systems = Object.values(OS_FAMILIES).flatMap((facts) => facts.systems);
    // test/machines and test/vms run on Debian 12.
    expect(systems.filter(({ verified }) => verified).map(({ title }) => title)).toEqual(["Debian 12"]);
    for (const facts of Object.values(OS_FAMILIES))
      expect(Object.keys(facts.systems.at(-1) ?? {}).sort()).toEqual(["semanagePackages", "title", "verified"]);
  });

  test("a family is named once", () => {
    const ids = Object.values(OS_FAMILIES).flatMap((facts) => facts.ids);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
