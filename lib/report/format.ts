/** Number of the format of the documents of `--json`. A field that comes changes nothing; one that goes, or means something else, makes it the next. */
export const DOCUMENT_FORMAT = 1 as const;
