import { useId } from 'react';

interface Props {
  /** `logo` beside the name, `art` behind the first screen, `searching` while two look for each other. */
  as?: 'logo' | 'art' | 'searching';
}

/** Two people, and what they have in common. */
export function Mark({ as = 'logo' }: Props) {
  const clip = useId();
  return (
    <svg className={`mark mark--${as}`} viewBox="0 0 120 80" aria-hidden="true" focusable="false">
      <clipPath id={clip}>
        <circle className="mark__me" cx="45" cy="40" r="32" />
      </clipPath>
      <circle className="mark__me" cx="45" cy="40" r="32" />
      <circle className="mark__them" cx="75" cy="40" r="32" />
      <g clipPath={`url(#${clip})`}>
        <circle className="mark__them mark__both" cx="75" cy="40" r="32" />
      </g>
    </svg>
  );
}
