import { useId, useState, type FormEvent } from 'react';
import { ApiError } from '../net/api.ts';
import type { Session } from '../session/session.ts';
import { Bar } from './notices.tsx';
import { ScreenTitle } from './screen.tsx';
import { apiWords } from './words.ts';

interface Props {
  way: 'sign-in' | 'register';
  session: Session;
  onBack(): void;
  onOther(): void;
}

export function AccountForm({ way, session, onBack, onOther }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const registering = way === 'register';

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const field = (name: string) => String(data.get(name) ?? '');
    const login = { email: field('email'), password: field('password') };
    setBusy(true);
    setError(null);
    try {
      await (registering
        ? session.register({ ...login, username: field('username') })
        : session.signIn(login));
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw cause;
      setError(cause);
      setBusy(false);
    }
  }

  const bad = error?.fields ?? {};
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <ScreenTitle>{registering ? 'Create an account' : 'Sign in'}</ScreenTitle>
      <p className="form__lead">
        {registering
          ? 'Keep one name, and keep your blocks. The address is for signing in and is shown to nobody.'
          : 'Your name and your blocks come with you.'}
      </p>
      {registering && (
        <Field
          name="username"
          label="Name"
          autoComplete="username"
          hint="3 to 30 letters, digits, _ . or -"
          problem={bad['username']}
        />
      )}
      <Field name="email" label="E-mail" type="email" autoComplete="email" problem={bad['email']} />
      <Field
        name="password"
        label="Password"
        type="password"
        autoComplete={registering ? 'new-password' : 'current-password'}
        hint={registering ? 'At least 8 characters, with a letter and a digit' : undefined}
        problem={bad['password']}
      />
      {error && Object.keys(bad).length === 0 && <Bar tone="bad">{apiWords(error)}</Bar>}
      <button type="submit" className="button button--primary button--large" disabled={busy}>
        {busy ? 'One moment…' : registering ? 'Create account' : 'Sign in'}
      </button>
      <div className="welcome__other">
        <button type="button" className="button button--quiet" onClick={onBack}>
          Back
        </button>
        <button type="button" className="button button--quiet" onClick={onOther}>
          {registering ? 'I have an account' : 'I have no account'}
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  type?: string;
  autoComplete: string;
  hint?: string | undefined;
  problem?: string | undefined;
}

function Field({ name, label, type = 'text', autoComplete, hint, problem }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className="input"
        name={name}
        type={type}
        autoComplete={autoComplete}
        autoCapitalize="none"
        spellCheck={false}
        required
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
      />
      <p id={`${id}-hint`} className={problem ? 'hint hint--bad' : 'hint'}>
        {problem ?? hint}
      </p>
    </div>
  );
}
