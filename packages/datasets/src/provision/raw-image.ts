/** An image of the raw data that has not been read yet. */
export interface RawImage {
  /** Its file's name, without folders: what stands in image/filename. */
  readonly name: string;
  /** The archive that holds it, or its own file. */
  readonly path: string;
  /** Where it stands in the archive; 0 for a file of its own. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
  /** Class, where the folder or archive that it stands in says so. */
  readonly wnid?: string;
}

/** An image with its class. */
export interface LabelledImage extends RawImage {
  readonly wnid: string;
}

const WNID = /^n\d{8}$/;
export const isWnid = (text: string): boolean => WNID.test(text);

/** JPEG files as ImageNet names them, and as others do. */
export const IMAGE_FILE = /\.jpe?g$/i;

/** What other systems leave beside files. */
export const isHidden = (name: string): boolean => name.startsWith('.');
