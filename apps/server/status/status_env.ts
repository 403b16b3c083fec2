import { type HttpBindings } from '@hono/node-server';
import { type Hono } from 'hono';

/** The types of the endpoints' context, for Hono. */
export interface StatusEnv {
  readonly Bindings: HttpBindings;
  readonly Variables: {
    /** Whether the reader of a stream still has the permission. */
    readonly mayRead: (() => boolean) | undefined;
  };
}

export type StatusApp = Hono<StatusEnv>;
