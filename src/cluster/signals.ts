/**
 * The first SIGTERM or SIGINT stops in order, a second one exits at once. With `withChannel` the end of the IPC channel to the
 * starting script counts as the first: a server must not outlive it unseen.
 */
export function onStopSignals(options: {
  stop: () => void;
  exitNow: () => void;
  withChannel: boolean;
}): void {
  let asked = false;
  const onSignal = () => {
    if (asked) return options.exitNow();
    asked = true;
    options.stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  if (options.withChannel) {
    process.once('disconnect', () => {
      if (!asked) onSignal();
    });
  }
}
