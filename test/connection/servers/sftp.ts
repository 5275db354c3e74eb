import { close, fchmod, fstat, open, read, type Stats, write } from "node:fs";
import { type SFTPWrapper, utils } from "ssh2";

const { STATUS_CODE, flagsToString } = utils.sftp;

/** As much of an SFTP server as a transfer of one file needs: open, read, write, attributes, close. */
export function serveFiles(sftp: SFTPWrapper): void {
  const files = new Map<number, number>();
  const descriptor = (handle: Buffer) => files.get(handle.readUInt32BE(0)) ?? -1;
  const status = (id: number, error: NodeJS.ErrnoException | null) =>
    sftp.status(id, error === null ? STATUS_CODE.OK : error.code === "ENOENT" ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE);
  const attributes = (id: number, error: NodeJS.ErrnoException | null, stats: Stats) =>
    error ? status(id, error) : sftp.attrs(id, { mode: stats.mode, uid: stats.uid, gid: stats.gid, size: stats.size, atime: 0, mtime: 0 });

  sftp.on("OPEN", (id, path, flags, attrs) => {
    open(path, flagsToString(flags) ?? "r", attrs.mode ?? 0o600, (error, fd) => {
      if (error) return status(id, error);
      files.set(fd, fd);
      const handle = Buffer.alloc(4);
      handle.writeUInt32BE(fd);
      sftp.handle(id, handle);
    });
  });
  sftp.on("FSTAT", (id, handle) => fstat(descriptor(handle), (error, stats) => attributes(id, error, stats)));
  sftp.on("FSETSTAT", (id, handle, attrs) => fchmod(descriptor(handle), attrs.mode ?? 0o600, (error) => status(id, error)));
  sftp.on("WRITE", (id, handle, offset, data) => write(descriptor(handle), data, 0, data.length, offset, (error) => status(id, error)));
  sftp.on("READ", (id, handle, offset, length) => {
    read(descriptor(handle), Buffer.alloc(length), 0, length, offset, (error, count, data) => {
      if (error) status(id, error);
      else if (count === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, data.subarray(0, count));
    });
  });
  sftp.on("CLOSE", (id, handle) => {
    const fd = descriptor(handle);
    files.delete(fd);
    close(fd, (error) => status(id, error));
  });
}
