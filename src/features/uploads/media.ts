/** What a file is, by its content; and what is made of it. Untrusted bytes: nothing here may take a worker down or hold its event loop. */
export interface Media {
  /**
   * The type by content, never by what the client says.
   * @param name decides nothing but that its extension, where it has one, belongs to that type
   * @throws UNSUPPORTED_MEDIA for what is not on the list, or has another type's extension
   */
  typeOf(path: string, name: string): Promise<FileType>;
  /**
   * Draws the picture anew, upright, without EXIF, GPS or anything else that came with it, and a thumbnail (WebP).
   * @throws UNSUPPORTED_MEDIA for what cannot be drawn, TOO_LARGE above `limits.imagePixels`
   */
  redraw(path: string, to: { readonly whole: string; readonly thumbnail: string }): Promise<Picture>;
  /**
   * How long and how loud it is, by its packets: what the header says counts for nothing.
   * @throws UNSUPPORTED_MEDIA for what is no webm, ogg, m4a, mp3 or wav with sound alone; TOO_LARGE above `maxSeconds`
   */
  listen(path: string, maxSeconds: number): Promise<Sound>;
  close(): Promise<void>;
}

export interface FileType {
  readonly mimeType: string;
  /** To be drawn anew. */
  readonly isImage: boolean;
}

export interface Picture {
  readonly mimeType: string;
  /** Bytes of the whole as drawn anew. */
  readonly size: number;
  /** Of one frame, in pixels. */
  readonly width: number;
  readonly height: number;
}

export interface Sound {
  /** `audio/webm`, `audio/ogg`, `audio/mp4`, `audio/mpeg` or `audio/wav`. */
  readonly mimeType: string;
  readonly durationMs: number;
  /** `limits.waveformBuckets` whole numbers from 0 to 100, the loudest 100 (all 0 for silence). */
  readonly waveform: readonly number[];
}
