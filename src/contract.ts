import type { z } from 'zod';
import type { Answer as AnswerOf, RouteSpec, WireArgs } from './kernel/contract.ts';
import { accountsContract } from './features/accounts/contract.ts';
import { conversationsContract } from './features/conversations/contract.ts';
import { matchingContract } from './features/matching/contract.ts';
import { moderationContract } from './features/moderation/contract.ts';
import { opsContract } from './features/ops/contract.ts';
import { presenceContract } from './features/presence/contract.ts';
import { rtcContract } from './features/rtc/contract.ts';
import { uploadsContract } from './features/uploads/contract.ts';

/** The whole wire, merged from the features' contracts. Safe to import in a browser. */
export const contracts = [
  opsContract,
  accountsContract,
  presenceContract,
  matchingContract,
  rtcContract,
  conversationsContract,
  uploadsContract,
  moderationContract,
] as const;

type Merge<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;
type Each = (typeof contracts)[number];

type RequestSpecs = Merge<Each['requests']>;
type PushSpecs = Merge<Each['pushes']>;
type RouteSpecs = Merge<Each['routes']>;

export type RequestName = keyof RequestSpecs & string;
/** Arguments of a client → server event, without the callback. */
export type RequestArgs<E extends RequestName> = WireArgs<RequestSpecs[E]>;
/** What its acknowledgement callback receives. */
export type Answer<E extends RequestName> = AnswerOf<RequestSpecs[E]>;

export type PushName = keyof PushSpecs & string;
/** Body of a server → client event. */
export type PushBody<E extends PushName> = z.output<PushSpecs[E]>;

export type RouteName = keyof RouteSpecs & string;
type SpecOf<R extends RouteName> = RouteSpecs[R] extends RouteSpec ? RouteSpecs[R] : never;
export type RouteBody<R extends RouteName> = z.input<SpecOf<R>['body']>;
/** `data` of the answer's envelope. */
export type RouteData<R extends RouteName> = z.output<SpecOf<R>['data']>;

/** Event maps for socket.io-client: `Socket<ServerToClient, ClientToServer>`. */
export type ServerToClient = { [E in PushName]: (body: PushBody<E>) => void };
export type ClientToServer = {
  [E in RequestName]: (
    ...args: [...args: RequestArgs<E>, ack: (answer: Answer<E>) => void] | RequestArgs<E>
  ) => void;
};
