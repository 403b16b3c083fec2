/** Matches all characters other than printable ASCII. */
const NOT_PLAIN = /[^ -~]/;

/**
 * Escapes text of foreign origin (a peer, a file name, a setting, an argument) for display in one line of a log or a
 * terminal. Each character of these classes becomes `\u` and four hexadecimal digits per UTF-16 unit:
 *
 * - control characters (Cc: C0 with ESC, DEL, C1) and the separators of lines and paragraphs: commands to a terminal;
 * - controls of the writing direction: they show text in another order (UTR #36, 3.3; CVE-2021-42574);
 * - invisible format characters (Cf, Default_Ignorable_Code_Point): zero-width characters, fillers, variation selectors
 *   and tags (UTS #39 excludes them from identifiers);
 * - lone surrogates, noncharacters and private use: their look is undefined;
 * - combining marks behind four others: a long stack of them covers the lines around it (UTS #39, 5.4).
 *
 * Look-alikes and wide or narrow white space stay. The function is idempotent. JSON stays JSON of the same value.
 */
export function printable(text: string): string {
  return NOT_PLAIN.test(text) ? text.replace(unprintable(), escapeUnits) : text;
}

/** Escapes text of several lines (the stack of an error, the end of a log) in the same way and keeps its line feeds. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Writes each UTF-16 unit as `\u` and four hexadecimal digits. */
export function escapeUnits(characters: string): string {
  let escapes = '';
  for (let at = 0; at < characters.length; at++) {
    escapes += `\\u${characters.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return escapes;
}

let compiled: RegExp | undefined;

/** Compiles the expression at its first use: this takes a millisecond, and plain text does not need it. */
function unprintable(): RegExp {
  compiled ??=
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu;
  return compiled;
}
