import ssh2, { type BaseAgent, type IdentityCallback, type ParsedKey, type SignCallback, type SigningRequestOptions } from "ssh2";

type AgentKey = Parameters<BaseAgent["sign"]>[0];

/** A key that may log in: its private half, or for the agent to sign with its public one. */
export interface LoginKey {
  /** The public key in base64. */
  readonly blob: string;
  /** Undefined where only the agent can sign with it. */
  readonly privateKey: ParsedKey | undefined;
}

export interface KeyOrder {
  /** Offered before all others, and in this order. */
  readonly configured: readonly LoginKey[];
  /** Whether the agent's other keys are offered next. */
  readonly agentsOthers: boolean;
  /** Offered last. */
  readonly defaults: readonly LoginKey[];
  /** The socket of the SSH agent, where there is one. */
  readonly agentSocket: string | undefined;
}

/**
 * All keys of a login in one order, as ssh offers them: those that are configured first, whether a file or the agent has them. A server takes few keys before it closes the connection
 * (MaxAuthTries 6), and an agent may hold more. An agent that does not answer, or refuses to sign, leaves the other keys.
 */
export class OfferedKeys extends ssh2.BaseAgent {
  private readonly order: KeyOrder;
  private readonly agent: BaseAgent | undefined;
  private readonly local = new Map<string, ParsedKey>();

  constructor(order: KeyOrder) {
    super();
    this.order = order;
    this.agent = order.agentSocket === undefined ? undefined : ssh2.createAgent(order.agentSocket);
    for (const { blob, privateKey } of [...order.defaults, ...order.configured])
      if (privateKey !== undefined) this.local.set(blob, privateKey);
  }

  override getIdentities(callback: IdentityCallback): void {
    const { configured, agentsOthers, defaults } = this.order;
    void this.agentsKeys().then((held) => {
      const byBlob = new Map(held.map((key) => [blobOf(key), key]));
      const usable = ({ blob, privateKey }: LoginKey) => privateKey ?? byBlob.get(blob);
      const keys = [...configured.map(usable), ...(agentsOthers ? held : []), ...defaults.map(usable)].filter((key) => key !== undefined);
      const once = [...new Map(keys.map((key) => [blobOf(key), key])).values()];
      callback(undefined, [...once, ...once.filter(({ type }) => type === "ssh-rsa").map(withSha512)]);
    });
  }

  override sign(offered: AgentKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    const done = typeof options === "function" ? options : (callback ?? (() => {}));
    const key = parsed(offered);
    if (key === undefined) {
      done(new Error("a key that can't be read was offered"));
      return;
    }
    const hash = String(key.type) === SHA512_TYPE ? "sha512" : typeof options === "object" ? options.hash : undefined;
    const privateKey = this.local.get(blobOf(key));
    if (privateKey !== undefined) {
      const signed: Buffer | Error = privateKey.sign(data, hash);
      if (signed instanceof Error) done(signed);
      else done(undefined, signed);
    } else if (this.agent === undefined) done(new Error("there is no agent to sign with"));
    // By its bytes: the agent knows no second name of it.
    else this.agent.sign(key.getPublicSSH(), data, hash === undefined ? {} : { hash }, done);
  }

  private agentsKeys(): Promise<readonly ParsedKey[]> {
    return new Promise((resolve) => {
      if (this.agent === undefined) resolve([]);
      else this.agent.getIdentities((error, keys = []) => resolve(error ? [] : keys.map(parsed).filter((key) => key !== undefined)));
    });
  }
}

/** RSA keys sign by an algorithm that the server may restrict (RFC 8332). */
const SHA512_TYPE = "rsa-sha2-512";

/**
 * ssh2 1.17 takes rsa-sha2-256 wherever a server knows it (`getKeyAlgos` of client.js). One that takes 512 alone (PubkeyAcceptedAlgorithms) names both (kex_send_ext_info of OpenSSH), so such a
 * key is offered a second time, under the name of the other algorithm and after all others.
 */
function withSha512(key: ParsedKey): ParsedKey {
  return Object.create(key, { type: { value: SHA512_TYPE } }) as ParsedKey;
}

function blobOf(key: ParsedKey): string {
  return key.getPublicSSH().toString("base64");
}

/** ssh2 returns some faults and throws others. */
function parsed(key: unknown): ParsedKey | undefined {
  try {
    const read = ssh2.utils.parseKey(key as Buffer);
    return read instanceof Error ? undefined : read;
  } catch {
    return undefined;
  }
}
