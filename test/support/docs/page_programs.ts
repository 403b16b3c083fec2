import { readPage, type Token, tokensOf } from './markdown';

/** A line of a program. `page` and `number` give its place in the documentation, for messages. */
interface Line {
  readonly text: string;
  readonly page: string;
  readonly number: number;
}

/**
 * The program of a code block, or of several blocks in a row.
 *
 * HTML comments before a block, which no reader sees, give it its context:
 *
 * - `<!-- code before … -->`: lines of code before the block, imports and `declare const peer: PeerSocket;` for instance
 * - `<!-- code after … -->`: lines of code after the block
 * - `<!-- code continues -->`: the block goes on with the program of the block before it
 * - `<!-- code does not run: REASON -->`: the program is compiled only
 * - `<!-- code does not compile: REASON -->`: the block must have an error
 *
 * A program with `declare const` is a fragment and is compiled only. Any other program is also run.
 */
export interface PageProgram {
  /** `docs/library/tour.md:8`, the place of its first block. */
  readonly place: string;
  readonly lines: Line[];
  /** The code of the first block alone, as a reader copies it. */
  readonly firstBlock: string;
  compiles: boolean;
  runs: boolean;
}

/** Other languages than TypeScript that a block may have. */
const OTHER_LANGUAGES = ['sh', 'json', 'text', 'ini'];

const CONTEXT = /^<!--\s*code\s+(before|after|continues|does not run:|does not compile:)([^]*?)-->\s*$/;

/** @throws for a block that is neither TypeScript nor another language by name, and for an unknown comment. */
export function programsOf(page: string, content = readPage(page)): PageProgram[] {
  const programs: PageProgram[] = [];
  let comments: Token[] = [];
  for (const token of tokensOf(content)) {
    if (token.type === 'html_block' && /^<!--\s*code\b/.test(token.content)) {
      comments.push(token);
      continue;
    }
    if (token.type === 'fence') addBlock(page, token, comments, programs);
    else refuseComments(page, comments);
    if (token.type === 'code_block' && token.content.includes("'sockwright"))
      throw new Error(`${place(page, token)}: indented code is not compiled; use \`\`\`ts`);
    comments = [];
  }
  refuseComments(page, comments);
  return programs;
}

function refuseComments(page: string, [comment]: readonly Token[]): void {
  if (comment === undefined) return;
  throw new Error(`${place(page, comment)}: the comment must be directly before a code block`);
}

function addBlock(page: string, block: Token, comments: readonly Token[], programs: PageProgram[]): void {
  const language = block.info.trim();
  if (OTHER_LANGUAGES.includes(language)) return;
  if (language !== 'ts') throw new Error(`${place(page, block)}: the language of the block is '${language}', not 'ts'`);

  const context = comments.map((comment) => parseContext(page, comment));
  const has = (kind: string): boolean => context.some((part) => part.kind === kind);
  const program = has('continues') ? programs.at(-1) : startProgram(page, block, programs);
  if (program === undefined) throw new Error(`${place(page, block)}: there is no block before`);
  for (const part of context) if (part.kind === 'before') program.lines.push(...part.lines);
  program.lines.push(...linesOf(page, block.map![0] + 2, block.content));
  for (const part of context) if (part.kind === 'after') program.lines.push(...part.lines);

  if (has('does not compile:')) program.compiles = false;
  const isFragment = program.lines.some(({ text }) => /^\s*declare\s/.test(text));
  if (isFragment || has('does not run:') || !program.compiles) program.runs = false;
}

function startProgram(page: string, block: Token, programs: PageProgram[]): PageProgram {
  const program = { place: place(page, block), lines: [], firstBlock: block.content, compiles: true, runs: true };
  programs.push(program);
  return program;
}

function parseContext(page: string, comment: Token): { kind: string; lines: Line[] } {
  const [, kind, code] = CONTEXT.exec(comment.content) ?? [];
  if (kind === undefined || code === undefined) throw new Error(`${place(page, comment)}: unknown comment`);
  return { kind, lines: linesOf(page, comment.map![0] + 1, code) };
}

function linesOf(page: string, first: number, code: string): Line[] {
  return code.split('\n').map((text, index) => ({ text, page, number: first + index }));
}

function place(page: string, token: Token): string {
  return `${page}:${token.map![0] + 1}`;
}

/** The lines that the program prints, by the comments behind its `console.log(…);`. */
export function promisedOutput(program: PageProgram): string[] {
  return program.lines.flatMap(({ text }) => /console\.log\(.*\); \/\/ (.*)$/.exec(text)?.[1] ?? []);
}
