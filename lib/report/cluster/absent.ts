import { byCount } from "../../base/text.ts";
import type { AbsentMember } from "../../cluster/findings/absent.ts";
import { colours as pc } from "../colours.ts";

/** Members that give no answer, one a line, below what the others say; nothing where there are none. */
export function formatAbsent(absent: readonly AbsentMember[]): readonly string[] {
  if (absent.length === 0) return [];
  return [
    "",
    pc.red(`${absent.length} ${byCount(absent.length, "member gives", "members give")} no answer:`),
    ...absent.map(({ instance, role, master, why }) => `  ${instance}  ${role}${master === undefined ? "" : ` of ${master}`}  ${why}`),
  ];
}
