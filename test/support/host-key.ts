/** A key of an SSH server as it is sent (RFC 4253, 6.6; RFC 8709, 4), of one byte over and over. */
export function fakeHostKey(byte: number): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from("ssh-ed25519"), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, byte)]);
}
