import { Type, type Static } from '@sinclair/typebox';
import { defineDataset, ShieldError, type Dataset, type LoadContext } from '@shield/core';
import { fileDataset } from './file-dataset.js';
import { filesByClassFolder, filesByCsv } from './folder-files.js';

/** The options, for sources that are folders of images with other defaults. */
export const imageFolderOptions = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      description: 'folder of the images: with a folder for each class, or with a csv',
    }),
    csv: Type.String({
      default: '',
      description: 'csv file that lists images and labels, relative to path; empty: the label is the folder',
    }),
    images: Type.String({ default: '', description: 'folder of the images that the csv lists, relative to path' }),
    image_column: Type.String({ default: 'image', description: 'csv column that holds the file name' }),
    label_column: Type.String({
      default: 'label',
      description: 'csv column that holds the class: a number, an ImageNet wnid, or a word that classes knows',
    }),
    label_offset: Type.Integer({
      default: 0,
      description: 'added to the numbers in the label column (-1 where they count from 1)',
    }),
    extension: Type.String({
      default: '',
      description: "added to the names in the image column, with its dot ('.png')",
    }),
    classes: Type.Union([Type.Record(Type.String(), Type.Integer({ minimum: 0 })), Type.Array(Type.String())], {
      default: {},
      description:
        'class numbers of folder names or csv words: a mapping, or the words in order; empty: ImageNet’s numbers where all are wnids, else by name from 0',
    }),
  },
  { additionalProperties: false },
);

/**
 * Images in folders, a folder for each class (as ImageNet and PyTorch's `ImageFolder` have them), or beside a csv that
 * lists them. Class folders are taken in the order of their names and so are their files; a csv in its own order. The id
 * is the file's name without its extension, or the path below the folder where two files have the same.
 */
export default defineDataset({
  name: 'image_folder',
  summary: 'image files in class folders, or listed with their labels in a csv',
  options: imageFolderOptions,
  open: (options, context) => openImageFolder('image_folder', options, context),
});

/**
 * @param names of the classes, where they are known whatever the files say
 * @throws DATASET_MISSING, DATASET_EMPTY, DATASET_INVALID
 */
export async function openImageFolder(
  name: string,
  options: Static<typeof imageFolderOptions>,
  context: LoadContext,
  names?: readonly string[],
): Promise<Dataset> {
  const root = context.resolvePath(options.path);
  const list = options.csv === '' ? filesByClassFolder : filesByCsv;
  try {
    const { files, classNames } = await list(root, options, context);
    return await fileDataset(name, files, options, context, names ?? classNames);
  } catch (error) {
    // The functions that list files know the cause, this one the plugin's name.
    if (error instanceof ShieldError)
      throw new ShieldError(error.code, { ...error.params, name }, { cause: error.cause });
    throw error;
  }
}
