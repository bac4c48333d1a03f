const WIDTH = 3;
const GAP = 2;
const HEIGHT = 32;

/** Bars from 0 to 100; those of the first `share` (0–1) have been played. Decorative. */
export function Waveform({ bars, share }: { bars: readonly number[]; share: number }) {
  return (
    <svg
      className="waveform"
      viewBox={`0 0 ${bars.length * (WIDTH + GAP) - GAP} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {bars.map((loud, at) => {
        const height = Math.max(3, (loud / 100) * HEIGHT);
        return (
          <rect
            key={at}
            className={(at + 0.5) / bars.length <= share ? 'waveform__played' : undefined}
            x={at * (WIDTH + GAP)}
            y={(HEIGHT - height) / 2}
            width={WIDTH}
            height={height}
            rx={1.5}
          />
        );
      })}
    </svg>
  );
}
