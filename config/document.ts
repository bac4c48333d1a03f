/** `.env.example` and the table of variables in README.md, both made from the schema. */
import { variables, type Variable } from './schema.ts';

const START = '<!-- env:start -->';
const END = '<!-- env:end -->';

function byGroup(): [string, [string, Variable][]][] {
  const entries: [string, Variable][] = Object.entries(variables);
  const groups = new Set(entries.map(([, variable]) => variable.group));
  return [...groups].map((group) => [group, entries.filter(([, variable]) => variable.group === group)]);
}

/**
 * The text of `.env.example`. Lines without quotes or trailing comments, because Docker's --env-file keeps both.
 * What switches something on is commented out, and so is what has another name in a reference document: an
 * active line would win over it.
 */
export function envExample(): string {
  const sections = byGroup().map(([group, entries]) => {
    const lines = entries.map(([name, variable]) => `# ${meaning(variable)}\n${exampleLine(name, variable)}`);
    return `# ── ${group}\n\n${lines.join('\n')}\n`;
  });
  return `# Made by "npm run env" from config/schema.ts. Copy to .env; the environment wins over .env.\n\n${sections.join('\n')}`;
}

function exampleLine(name: string, variable: Variable): string {
  const isActive = variable.default !== undefined && variable.aliases === undefined;
  return `${isActive ? '' : '# '}${name}=${variable.default ?? variable.sample ?? ''}`;
}

function meaning({ doc, unit, defaultDoc }: Variable): string {
  const notes = [unit, defaultDoc && `default: ${defaultDoc}`].filter(Boolean);
  return notes.length === 0 ? doc : `${doc} (${notes.join('; ')})`;
}

/** One Markdown table over all groups. */
export function envTable(): string {
  const rows = byGroup().flatMap(([group, entries]) => [
    `| **${group}** | | |`,
    ...entries.map(
      ([name, variable]) => `| \`${name}\` | ${shownDefault(variable)} | ${described(variable)} |`,
    ),
  ]);
  return ['| Variable | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
}

function shownDefault({ default: value, defaultDoc = '', unit }: Variable): string {
  return value === undefined ? defaultDoc : `\`${value}\`${unit === undefined ? '' : ` ${unit}`}`;
}

function described({ doc, aliases = [] }: Variable): string {
  const names = aliases.map((alias) => `\`${alias}\``).join(', ');
  return names === '' ? doc : `${doc}; also ${names}`;
}

/** README's text with the table between its two markers renewed. Throws when it has no markers. */
export function withEnvTable(readme: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start === -1 || end < start)
    throw new Error(`README.md has no ${START} … ${END} to put the table between`);
  return `${readme.slice(0, start)}${START}\n${envTable()}\n${readme.slice(end)}`;
}
