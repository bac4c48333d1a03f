import {
  EncodedPacketSink,
  FilePathSource,
  Input,
  MP3,
  MP4,
  OGG,
  WAVE,
  WEBM,
  type AudioCodec,
  type InputAudioTrack,
  type InputFormat,
} from 'mediabunny';
import { AppError } from '../../kernel/errors.ts';
import { loudnessWithin } from './loudness.ts';
import type { Sound } from './media.ts';
import { decoderOf, type Decoder } from './sound-decoders.ts';

const MIME_TYPES = new Map<InputFormat, string>([
  [WEBM, 'audio/webm'],
  [OGG, 'audio/ogg'],
  [MP4, 'audio/mp4'],
  [WAVE, 'audio/wav'],
  // Last, because it is looked for deep in the file.
  [MP3, 'audio/mpeg'],
]);

/** Recorders stop at the end of a packet. */
const GRACE_SECONDS = 0.05;
/** Packets may hold so much more than is to be heard: encoders begin and end with some that players leave out. */
const PADDING_SECONDS = 0.15;
/** Samples per packet of AAC, at the rate of its core. */
const AAC_SAMPLES = 1024;

const sampleRates = { least: 1_000, most: 768_000 };
const maxChannels = 32;

const unheard = (message: string) => new AppError('UNSUPPORTED_MEDIA', message);

/** As `Media` promises it, in this thread, which it may hold for long. */
export async function listenTo(path: string, maxSeconds: number): Promise<Sound> {
  const source = new FilePathSource(path, { handleUnhandledError: () => {} });
  const input = new Input({ source, formats: [...MIME_TYPES.keys()] });
  try {
    const mimeType = MIME_TYPES.get(await input.getFormat());
    if (mimeType === undefined) throw unheard('This is no webm, ogg, m4a, mp3 or wav.');
    const [track, ...others] = await input.getTracks();
    if (!track?.isAudioTrack() || others.length > 0) throw unheard('This is not one sound alone.');
    return { mimeType, ...(await measure(track, maxSeconds)) };
  } finally {
    input.dispose();
  }
}

async function measure(track: InputAudioTrack, maxSeconds: number): Promise<Omit<Sound, 'mimeType'>> {
  const codec = await track.getCodec();
  const config = await track.getDecoderConfig();
  if (!codec || !config) throw unheard('This sound has a codec that is not known.');
  const { sampleRate, numberOfChannels } = config;
  if (!(sampleRate >= sampleRates.least && sampleRate <= sampleRates.most))
    throw unheard('No such sample rate.');
  if (!(numberOfChannels >= 1 && numberOfChannels <= maxChannels)) throw unheard('Too many channels.');

  const decoder = await decoderOf(codec, { sampleRate, channels: numberOfChannels });
  try {
    return await hear(new EncodedPacketSink(track), { codec, sampleRate, decoder, maxSeconds });
  } finally {
    decoder?.free();
  }
}

interface Hearing {
  readonly codec: AudioCodec;
  readonly sampleRate: number;
  readonly decoder: Decoder | null;
  readonly maxSeconds: number;
}

async function hear(sink: EncodedPacketSink, { codec, sampleRate, decoder, maxSeconds }: Hearing) {
  const most = maxSeconds + GRACE_SECONDS;
  const loudness = loudnessWithin(most + PADDING_SECONDS);
  let start: number | null = null;
  let end = 0;
  /** What the packets hold: times can be written into a file that say less. */
  let held = 0;
  let isDecoded = false;

  const lengthSoFar = () => {
    const timed = end - (start ?? 0);
    return held > timed + PADDING_SECONDS ? held : timed;
  };

  for (let packet = await sink.getFirstPacket(); packet; packet = await sink.getNextPacket(packet)) {
    const { timestamp, data, byteLength } = packet;
    // What comes before zero is not to be heard.
    start ??= Math.max(0, timestamp);
    const decoded = decoder?.decode(data) ?? null;
    if (decoded) isDecoded = true;
    const seconds = decoded?.seconds ?? (codec === 'aac' ? AAC_SAMPLES / sampleRate : 0);
    // Recorders leave it out, or guess, for the last packet.
    const lasts = Math.max(packet.duration, codec === 'opus' ? seconds : 0);
    held += seconds;
    end = Math.max(end, timestamp + lasts);
    if (!(lengthSoFar() <= most))
      throw new AppError('TOO_LARGE', `A voice note may be ${maxSeconds} seconds long.`);

    if (decoded) loudness.addSamples(timestamp - start, decoded.channels, decoded.sampleRate);
    // Nothing that is free decodes AAC here, and Vorbis is rare: loud packets are larger, unless the bitrate is constant.
    else if (!decoder) loudness.addLevel(timestamp - start, lasts, byteLength);
  }

  const length = lengthSoFar();
  if (start === null || !(length > 0) || (decoder && !isDecoded))
    throw unheard('There is no sound in this file.');
  return { durationMs: Math.max(1, Math.round(length * 1_000)), waveform: loudness.over(length) };
}
