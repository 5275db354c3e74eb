import { shellQuote } from "../../connection/quote.ts";
import { type ClientEnvironment, clientEnvironment } from "../../operations/client-environment.ts";
import { withSession } from "../../operations/session.ts";
import { printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/** Lines for `eval`. A terminal, which others see and which keeps what it showed, gets the password only on request; so does the JSON document. */
export async function env(context: ReportContext<"env">, { secrets }: { readonly secrets: boolean }): Promise<number> {
  const found = await withSession({ ...context, emit: () => {} }, clientEnvironment);
  const shown = secrets || !(context.json || context.terminal) ? found.variables : withoutSecrets(found);
  const hidden = found.secret.filter((name) => !(name in shown));
  const lines = Object.entries(shown).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  const hint =
    hidden.length === 0
      ? []
      : [
          `# ${hidden.join(" and ")} hold the password and are not shown here.`,
          `# They are set by: eval "$(redis-lab env ${context.lab.name})"; --secrets shows them.`,
        ];
  // What `eval` reads is not broken into lines.
  printResult({ ...context, width: undefined }, { variables: shown, hidden }, [...lines, ...hint].join("\n"));
  return EXIT.done;
}

function withoutSecrets({ variables, secret }: ClientEnvironment): ClientEnvironment["variables"] {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !secret.includes(name)));
}
