/** What became of an entry. `queued`: kept in this browser, sent later. */
export type Status = 'stored' | 'duplicate' | 'flagged' | 'rejected' | 'queued' | 'dropped';

export interface Result {
  id?: number;
  status: Status;
  error?: string;
  /** Why it was refused, in words for whoever sent a form. */
  message?: string;
  /** Of `queued`: it is in the browser's storage, and outlives the page. */
  saved?: boolean;
}

/** An entry as the server lists it. */
export interface Entry<T = Record<string, unknown>> {
  _id: number;
  _collection: string;
  _session: string | null;
  _received: string;
  _at: string | null;
  _origin: string | null;
  _flags: string[];
  data: T;
}

export type Query = string | Record<string, string> | [string, string][];

export interface Frontdesk {
  /** Keeps an entry until it is stored. */
  add<T extends object>(data: T, how?: { uid?: string; collection?: string; now?: boolean }): Promise<Result>;
  /** Sends a form's fields, and says beside it what became of them. `button` is the one that was pressed. */
  form(form: HTMLFormElement, button?: HTMLElement): Promise<Result>;
  /** Fields that every later entry has. */
  set(context: object): void;
  /** The public id of this browser session; undefined where the page is not served securely. */
  session(): Promise<string | undefined>;
  /** What this browser session stored. */
  mine<T = Record<string, unknown>>(query?: Query): Promise<Entry<T>[]>;
  /** Entries of collections that anyone may read. */
  list<T = Record<string, unknown>>(query?: Query): Promise<Entry<T>[]>;
  /** Sends what waits. */
  flush(): Promise<void>;
  /** Keeps and sends nothing any more, until called with false. */
  optOut(out: boolean): void;
  on(event: 'sent' | 'duplicate' | 'rejected' | 'dropped', listener: (result: Result & { uid: string }) => void): void;
  on(event: 'retry', listener: (wait: { in: number }) => void): void;
}

/** Starts a client. `url` is the address of the Frontdesk, `key` the publishable key of a collection. */
export function start(options: { url: string; key?: string }): Frontdesk;

declare global {
  interface Window {
    frontdesk: Frontdesk;
  }
}
