import type { AudioCodec } from 'mediabunny';
import { MPEGDecoder } from 'mpg123-decoder';
import { OpusDecoder } from 'opus-decoder';

export interface Decoder {
  /** Null when nothing comes out, of a broken packet or not yet. */
  decode(packet: Uint8Array): Decoded | null;
  free(): void;
}

export interface Decoded {
  readonly channels: readonly Float32Array[];
  readonly sampleRate: number;
  /** How much the packet holds. */
  readonly seconds: number;
}

/** Null for codecs that nothing here decodes. What it decodes may be anything. */
export async function decoderOf(
  codec: AudioCodec,
  { sampleRate, channels }: { readonly sampleRate: number; readonly channels: number },
): Promise<Decoder | null> {
  // More than two channels are several streams in one packet.
  if (codec === 'opus') return channels <= 2 ? await opus() : null;
  if (codec === 'mp3') return await mp3();
  const sample = SAMPLES[codec];
  return sample ? pcm(sample, sampleRate, channels) : null;
}

/** Enough to hear how loud it is, at half the work. */
const OPUS_RATE = 24_000;
/** What the decoder has room for with one channel: 120 ms at 256 kbit/s. */
const MAX_OPUS_BYTES = 3_840;

async function opus(): Promise<Decoder> {
  const decoder = new OpusDecoder({ channels: 1, sampleRate: OPUS_RATE });
  await decoder.ready;
  return {
    decode(packet) {
      if (packet.length === 0 || packet.length > MAX_OPUS_BYTES) return null;
      const { channelData, samplesDecoded } = decoder.decodeFrame(packet);
      if (samplesDecoded === 0) return null;
      return { channels: channelData, sampleRate: OPUS_RATE, seconds: samplesDecoded / OPUS_RATE };
    },
    free: () => decoder.free(),
  };
}

async function mp3(): Promise<Decoder> {
  const decoder = new MPEGDecoder({ enableGapless: false });
  await decoder.ready;
  return {
    decode(packet) {
      const { channelData, samplesDecoded, sampleRate } = decoder.decodeFrame(packet);
      if (samplesDecoded === 0 || sampleRate === 0) return null;
      return { channels: channelData, sampleRate, seconds: samplesDecoded / sampleRate };
    },
    free: () => decoder.free(),
  };
}

interface Sample {
  readonly bytes: number;
  readonly read: (view: DataView, offset: number) => number;
}

const SAMPLES: Partial<Record<AudioCodec, Sample>> = {
  'pcm-u8': { bytes: 1, read: (view, offset) => (view.getUint8(offset) - 128) / 2 ** 7 },
  'pcm-s16': { bytes: 2, read: (view, offset) => view.getInt16(offset, true) / 2 ** 15 },
  // The lowest of the three bytes is far below what can be seen.
  'pcm-s24': { bytes: 3, read: (view, offset) => view.getInt16(offset + 1, true) / 2 ** 15 },
  'pcm-s32': { bytes: 4, read: (view, offset) => view.getInt32(offset, true) / 2 ** 31 },
  'pcm-f32': { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  'pcm-f64': { bytes: 8, read: (view, offset) => view.getFloat64(offset, true) },
  ulaw: { bytes: 1, read: (view, offset) => muLaw(view.getUint8(offset)) },
  alaw: { bytes: 1, read: (view, offset) => aLaw(view.getUint8(offset)) },
};

function pcm({ bytes, read }: Sample, sampleRate: number, channels: number): Decoder {
  return {
    decode(packet) {
      const length = Math.floor(packet.length / bytes / channels);
      if (length === 0) return null;
      const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
      const heard = Array.from({ length: channels }, (_, channel) =>
        Float32Array.from({ length }, (_sample, n) => read(view, (n * channels + channel) * bytes)),
      );
      return { channels: heard, sampleRate, seconds: length / sampleRate };
    },
    free() {},
  };
}

/** G.711, from -1 to 1; the sign does not matter here. */
function muLaw(byte: number): number {
  const inverted = ~byte & 0xff;
  return ((((inverted & 0x0f) << 3) + 0x84) * 2 ** ((inverted & 0x70) >> 4) - 0x84) / 2 ** 15;
}

function aLaw(byte: number): number {
  const toggled = byte ^ 0x55;
  const exponent = (toggled & 0x70) >> 4;
  const mantissa = ((toggled & 0x0f) << 4) + 8;
  return (exponent === 0 ? mantissa : (mantissa + 0x100) * 2 ** (exponent - 1)) / 2 ** 15;
}
