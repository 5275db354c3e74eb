import { execOnHosts } from "../../operations/exec.ts";
import { formatFailedHosts, prefixed } from "../../report/exec.ts";
import { printLine, room, say } from "../../report/print.ts";
import { printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/** Output comes as the hosts give it, each line behind the name of its host. */
export async function exec(
  context: ReportContext<"exec">,
  { role, atOnce }: { readonly role: Parameters<typeof execOnHosts>[0]["role"]; readonly atOnce: number },
  { command }: { readonly command: readonly string[] },
): Promise<number> {
  const width = Math.max(...context.lab.hosts.map(({ name }) => name.length));
  const show = (host: string, line: string) => {
    if (!context.json) printLine(prefixed(host, line, width));
  };
  const report = await execOnHosts({
    ...context,
    emit: () => {},
    command,
    role,
    atOnce,
    onLine: show,
    room,
    kept: context.json ? "all" : "end",
  });
  const failed = formatFailedHosts(report);
  if (context.json) printResult(context, report, "");
  else if (failed !== "") say(`${failed}\n`, false);
  return failed === "" ? EXIT.done : EXIT.failed;
}
