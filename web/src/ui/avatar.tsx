export function Avatar({ name, of }: { name: string; of: 'me' | 'them' }) {
  return (
    <span className={`avatar avatar--${of}`} aria-hidden="true">
      {[...name][0]?.toUpperCase() ?? '?'}
    </span>
  );
}
