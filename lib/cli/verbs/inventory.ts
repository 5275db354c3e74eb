import { inventoryOf } from "../../lab/inventory.ts";
import { routesOf } from "../../operations/ssh-routes.ts";
import { statePaths } from "../../project/state.ts";
import { formatInventory, type InventoryFormat } from "../../report/inventory.ts";
import { placementOf, printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function inventory(context: ReportContext<"inventory">, options: { readonly format: InventoryFormat }): Promise<number> {
  const { project, lab, target, json } = context;
  const paths = statePaths(project, lab.name, target);
  const placement = placementOf(context);
  const found = inventoryOf(placement, await routesOf(placement));
  const format = json ? "json" : options.format;
  printResult({ verb: context.verb, lab, target, json: format === "json" }, found, formatInventory(found, format, paths.knownHostsFile));
  return EXIT.done;
}
