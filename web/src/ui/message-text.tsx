import { piecesOf } from '../talk/links.ts';

/** Whatever was written, as text; addresses on the web can be followed, and learn nothing about where from. */
export function MessageText({ text }: { text: string }) {
  return (
    <p className="bubble">
      {piecesOf(text).map((piece, at) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          <a key={at} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ),
      )}
    </p>
  );
}
