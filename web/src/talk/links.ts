/** A text in pieces: what is an address on the web, and what is not. */
export type Piece = { readonly text: string; readonly href?: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/gi;
/** What ends a sentence or a bracket around an address is not part of it. */
const TRAILING = /[.,;:!?…]+$/;

export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = trimmed(found[0]);
    const href = hrefOf(address);
    if (href === null) continue;
    if (found.index > done) pieces.push({ text: text.slice(done, found.index) });
    pieces.push({ text: address, href });
    done = found.index + address.length;
  }
  if (done < text.length) pieces.push({ text: text.slice(done) });
  return pieces;
}

function trimmed(address: string): string {
  let result = address.replace(TRAILING, '');
  while (/[)\]}]$/.test(result) && !isBalanced(result)) result = result.slice(0, -1).replace(TRAILING, '');
  return result;
}

function isBalanced(text: string): boolean {
  const count = (characters: RegExp) => (text.match(characters) ?? []).length;
  return count(/[([{]/g) >= count(/[)\]}]/g);
}

function hrefOf(address: string): string | null {
  try {
    const { protocol, hostname, href } = new URL(address);
    return (protocol === 'https:' || protocol === 'http:') && hostname ? href : null;
  } catch {
    return null;
  }
}
