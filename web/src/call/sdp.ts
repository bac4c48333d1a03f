/**
 * The relay carries descriptions and nothing beside them, so an answer does not say which offer it answers. One that was
 * made just before the partner returned may arrive when the next offer is already out. So our answers carry the offer's
 * origin line as a session attribute, which other clients ignore, and our offers take no answer that names another origin.
 */
const ATTRIBUTE = 'a=x-answers:';

/** Session id and version of a description's origin line; '' when it has none. */
export function originOf(sdp: string): string {
  const [, id, version] = /^o=\S+ (\S+) (\S+) /m.exec(sdp) ?? [];
  return id && version ? `${id}/${version}` : '';
}

export const sessionOf = (sdp: string): string => originOf(sdp).split('/')[0] ?? '';

export function tagAnswer(answerSdp: string, offerSdp: string): string {
  return answerSdp.replace(/^(t=.*\r?\n)/m, `$1${ATTRIBUTE}${originOf(offerSdp)}\r\n`);
}

/** Whether an answer may belong to the offer: it says so, or it says nothing about it. */
export function answers(answerSdp: string, offerSdp: string): boolean {
  const line = answerSdp.split(/\r?\n/).find((candidate) => candidate.startsWith(ATTRIBUTE));
  return line === undefined || line.slice(ATTRIBUTE.length) === originOf(offerSdp);
}
