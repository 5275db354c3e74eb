import type { LineWords } from "../words/line.ts";

/** The programs that the sources of a product build, by what they do. */
export interface Programs {
  readonly server: string;
  /** The server under another name. */
  readonly sentinel: string;
  readonly cli: string;
  readonly benchmark: string;
  readonly checkAof: string;
  readonly checkRdb: string;
}

/** Where the releases of a product are. */
export interface Releases {
  /** Folder of the release site, without trailing slash. */
  readonly site: string;
  /** Name of the tarball of a release below `site`. */
  siteFile(version: string): string;
  /** Name of the tarball of a release on a mirror, and to people. */
  tarball(version: string): string;
  /** Page that lists the SHA-256 of releases. */
  readonly hashes: string;
  /** Version → SHA-256 of its tarball as `hashes` lists it. A release that is not here must bring its own sum. */
  readonly sha256: Readonly<Record<string, string>>;
}

/** A server that speaks Redis's protocol and has its files: everything in which it differs from the others. */
export interface Product {
  /** For people: `Redis`. */
  readonly title: string;
  readonly programs: Programs;
  /** Programs of other origin that people keep in the same folder. */
  readonly companions: readonly string[];
  readonly releases: Releases;
  /** Name of the source package that distributions have of it. */
  readonly sourcePackage: string;
  /** Macro of src/version.h that gives the version of a source tree. */
  readonly versionMacro: string;
  /** Field of INFO that gives the version of a running server. */
  readonly versionField: string;
  /** Version of a lab that names none. */
  readonly defaultVersion: string;
  /** Its lines of versions, oldest first: `7.0` → the words. */
  readonly lines: Readonly<Record<string, LineWords>>;
}
