import { limits } from './contract.ts';

/** How loud a sound is over its length, of which nobody knows before its end. Takes as much memory for any sound. */
export interface Loudness {
  /** The channels as long as each other, at a time in seconds. */
  addSamples(at: number, channels: readonly Float32Array[], sampleRate: number): void;
  /** One level, of whatever unit, from a time on. Not beside samples. */
  addLevel(at: number, seconds: number, level: number): void;
  /** `Sound.waveform` of the sound up to here. */
  over(seconds: number): number[];
}

const SLOTS_PER_SECOND = 200;
/** Below -80 dB of full scale there is nothing but what a codec makes of silence. */
const SILENCE = 1e-4;

/** What comes after `maxSeconds` counts for nothing. */
export function loudnessWithin(maxSeconds: number): Loudness {
  /** Squares of levels × the part of the slot that has them. */
  const power = new Float64Array(Math.ceil(maxSeconds * SLOTS_PER_SECOND));
  const add = (slot: number, squares: number) => {
    if (slot >= 0 && slot < power.length) power[slot]! += squares;
  };

  return {
    addSamples(at, channels, sampleRate) {
      const perSample = SLOTS_PER_SECOND / sampleRate;
      const first = at * SLOTS_PER_SECOND;
      const share = perSample / channels.length;
      for (const samples of channels) {
        for (let n = 0; n < samples.length; n += 1) {
          const level = clipped(samples[n]!);
          add(Math.floor(first + n * perSample), level * level * share);
        }
      }
    },
    addLevel(at, seconds, level) {
      const from = Math.max(0, at * SLOTS_PER_SECOND);
      const to = Math.min(power.length, (at + seconds) * SLOTS_PER_SECOND);
      for (let slot = Math.floor(from); slot < to; slot += 1) {
        add(slot, level * level * (Math.min(to, slot + 1) - Math.max(from, slot)));
      }
    },
    over(seconds) {
      const slots = Math.max(1, Math.min(power.length, Math.round(seconds * SLOTS_PER_SECOND)));
      const levels = Array.from({ length: limits.waveformBuckets }, (_, bucket) => {
        const from = Math.floor((bucket * slots) / limits.waveformBuckets);
        const to = Math.max(from + 1, Math.floor(((bucket + 1) * slots) / limits.waveformBuckets));
        return Math.sqrt(power.subarray(from, to).reduce((sum, squares) => sum + squares, 0) / (to - from));
      });
      const loudest = Math.max(...levels);
      return levels.map((level) => (loudest < SILENCE ? 0 : Math.round((level / loudest) * 100)));
    },
  };
}

/** Files of floating point can hold anything. */
function clipped(sample: number): number {
  if (Number.isNaN(sample)) return 0;
  return Math.max(-1, Math.min(1, sample));
}
