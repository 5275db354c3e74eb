import { resolve } from "node:path";
import { Annotations, type DataTerraformRemoteStateConfig, TerraformBackend, TerraformRemoteState, Token } from "cdktf";
import type { Construct } from "constructs";
import type { LibvirtSettings } from "../../lib/lab/schema.ts";
import { checkProps } from "./checked-props.ts";

type Backend = LibvirtSettings["backend"];
type Settings = Backend["settings"];

export interface StateBackendProps {
  /** Name of the lab: where a state is kept by default is named after it. */
  readonly lab: string;
  /** The project's folder, absolute; local paths count from it. */
  readonly root: string;
  readonly backend: Backend;
}

/** What differs between Terraform's backends. */
interface BackendKind {
  /** Where the state of a lab is by default, so that no two labs share one. */
  readonly defaults: (lab: string, root: string) => Settings;
  readonly required: readonly string[];
  /** Settings that are secrets, with the environment variable that gives them instead. */
  readonly secrets: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Record<Backend["kind"], BackendKind>> = {
  local: { defaults: (lab, root) => ({ path: resolve(root, `terraform.${lab}.tfstate`) }), required: [], secrets: {} },
  s3: {
    defaults: (lab) => ({ key: `redis-lab/${lab}.tfstate` }),
    required: ["bucket"],
    secrets: {
      access_key: "AWS_ACCESS_KEY_ID",
      secret_key: "AWS_SECRET_ACCESS_KEY",
      token: "AWS_SESSION_TOKEN",
      sse_customer_key: "AWS_SSE_CUSTOMER_KEY",
    },
  },
  pg: { defaults: (lab) => ({ schema_name: `redis_lab_${lab.replaceAll("-", "_")}` }), required: [], secrets: {} },
  consul: {
    defaults: (lab) => ({ path: `redis-lab/${lab}` }),
    required: [],
    secrets: { access_token: "CONSUL_HTTP_TOKEN", http_auth: "CONSUL_HTTP_AUTH" },
  },
  http: {
    defaults: () => ({}),
    required: ["address"],
    secrets: { password: "TF_HTTP_PASSWORD", client_private_key_pem: "TF_HTTP_CLIENT_PRIVATE_KEY_PEM" },
  },
};

export const BACKEND_KINDS = Object.keys(KINDS);

/** Where Terraform keeps the state of a lab: any of its backends, in its own words. A secret among the settings is refused, since they are written to cdktf.out. */
export class StateBackend extends TerraformBackend {
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, props: StateBackendProps) {
    super(scope, id, props.backend.kind);
    checkProps(this, [{ prop: "lab", value: props.lab, rule: "name", known: "the state is named after it" }]);
    const faults = faultsOf(props.backend);
    for (const fault of faults) Annotations.of(this).addError(`libvirt.backend.settings of the lab "${props.lab}": ${fault}`);
    this.#settings = faults.length === 0 ? settingsOf(props) : {};
  }

  /** What tells this state from another: equal for two labs that would overwrite each other's. */
  get location(): string {
    return JSON.stringify([this.name, Object.entries(this.#settings).sort()]);
  }

  override getRemoteStateDataSource(scope: Construct, name: string, _fromStack: string): TerraformRemoteState {
    return new RemoteState(scope, name, this.name, {
      ...this.#settings,
      workspace: "${terraform.workspace}",
    } as DataTerraformRemoteStateConfig);
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.#settings };
  }

  protected override synthesizeHclAttributes(): Record<string, unknown> {
    return this.synthesizeAttributes();
  }
}

class RemoteState extends TerraformRemoteState {}

function settingsOf({ lab, root, backend }: StateBackendProps): Settings {
  const settings = { ...KINDS[backend.kind].defaults(lab, root), ...backend.settings };
  const { path } = settings;
  // Terraform runs in cdktf.out/stacks/LAB, which nobody has in mind who writes a relative path.
  return backend.kind === "local" && typeof path === "string" ? { ...settings, path: resolve(root, path) } : settings;
}

function faultsOf({ kind, settings }: Backend): readonly string[] {
  const { required, secrets } = KINDS[kind];
  const missing = required.filter((name) => settings[name] === undefined).map((name) => `${kind} needs ${name}`);
  const secret = Object.entries(settings).flatMap(([name, value]) => {
    const variable = secrets[name];
    if (variable !== undefined)
      return [`${name} is a secret, which would be written to cdktf.out: give it by the environment variable ${variable}`];
    // postgres://user:password@host/db, or password=… among the words of a connection string
    return typeof value === "string" && (/:\/\/[^/@\s]*:[^/@\s]+@/.test(value) || /\bpassword\s*=/i.test(value))
      ? [
          `${name} holds a password, which would be written to cdktf.out: give it by the environment${kind === "pg" ? " (PG_CONN_STR or PGPASSWORD)" : ""}`,
        ]
      : [];
  });
  const unknown = Object.entries(settings)
    .filter(([, value]) => Token.isUnresolved(value))
    .map(([name]) => `${name} is a value that only Terraform will know, and Terraform needs its backend before: give the value itself`);
  return [...missing, ...secret, ...unknown];
}
