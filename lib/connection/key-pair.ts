import ssh2 from "ssh2";

/** A pair of SSH keys in OpenSSH's form. */
export interface KeyPair {
  /** The text of the private key file. */
  readonly private: string;
  /** One line as in authorized_keys. */
  readonly public: string;
}

/** How the private key is protected. @default not at all */
export interface KeyProtection {
  readonly passphrase: string;
  readonly cipher: string;
  readonly rounds: number;
}

/** An ed25519 key pair. ssh2 1.17 makes about one in some hundred that it can't read itself (it drops leading zero bytes), so its own reading is the judge. */
export function makeKeyPair(options: { readonly comment?: string; readonly protection?: KeyProtection } = {}): KeyPair {
  const { comment = "", protection } = options;
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", protection === undefined ? { comment } : { comment, ...protection });
    if (isReadable(pair.public) && isReadable(pair.private, protection?.passphrase)) return { ...pair, public: pair.public.trim() };
  }
}

/** `TYPE BLOB` of a private key, as in authorized_keys; undefined for a text that is not a private key that can be used without a passphrase. */
export function publicKeyOf(privateKey: string): string | undefined {
  const key = read(privateKey);
  return key?.isPrivateKey() ? `${key.type} ${key.getPublicSSH().toString("base64")}` : undefined;
}

function isReadable(text: string, passphrase?: string): boolean {
  return read(text, passphrase) !== undefined;
}

/** ssh2 returns some faults and throws others. */
function read(text: string, passphrase?: string): ssh2.ParsedKey | undefined {
  try {
    const key = ssh2.utils.parseKey(text, passphrase);
    return key instanceof Error ? undefined : key;
  } catch {
    return undefined;
  }
}
