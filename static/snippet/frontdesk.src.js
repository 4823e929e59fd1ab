// The snippet's source. `e2e/snippet-build.mjs` makes frontdesk.min.js (a classic script) and frontdesk.mjs of it.
//
// The queue is the truth, the beacon a hint: an entry is written to localStorage first, under a key of its own so that
// tabs never overwrite each other, and removed only when an answer to fetch was read. Every entry has a client id, so
// that sending again costs nothing: the server stores it once.

const PREFIX = 'frontdesk:';
const WAIT = 1500; // ms from the first entry to the flush
const BATCH = 20; // entries that are sent without waiting
const BODY = 16000; // characters, of three bytes at most: fetch with keepalive and beacons share 64 KiB
const OWN = 120; // what an entry counts beside its own: so no request holds more than the 100 that the server takes
const SIZE = 1e6; // characters kept while offline
const ENTRY = 2e3; // what an entry counts beside its own: so no more than 500 are kept
const AGE = 6048e5; // 7 days in ms

/** Starts a client for one collection. `options`: url, key. */
export function start(options) {
  const base = options.url.replace(/\/+$/, '');
  const add_url = base + '/add?_key=' + (options.key || '');
  const listeners = {};
  const waiting = {}; // uid → who is told its outcome
  const queue = {}; // uid → entry: storage is read once
  const notes = new WeakMap(); // form → where its outcome is told
  const sending = new WeakMap(); // form → promise
  const context = {};
  let failures = 0;
  let not_before = 0;
  let busy, timer, session_id, out;

  // Storage may be blocked or full: what is there is a copy, and every touch may fail.
  const attempt = (work) => {
    try {
      return work();
    } catch (e) {}
  };
  const stored = (name) => attempt(() => localStorage[PREFIX + name]);
  const off = () => out || stored('out');
  const write = (name, text) => attempt(() => (text ? (localStorage[PREFIX + name] = text) : delete localStorage[PREFIX + name]));
  attempt(() =>
    Object.keys(localStorage).forEach((name) => {
      const [, uid] = name.split(PREFIX);
      if (uid && uid[14] == 7) queue[uid] = localStorage[name];
    }),
  );
  // oldest first: a UUIDv7 begins with the time
  const uids = () => Object.keys(queue).sort();
  const born = (uid) => parseInt(uid.replace('-', ''), 16);
  const emit = (event, detail) => (listeners[event] || []).forEach((listener) => listener(detail));

  const random = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => (b + 256).toString(16).slice(1)).join('');
  const new_uid = () => {
    const noise = random(9);
    const digits = Date.now().toString(16).padStart(12, 0) + 7 + noise.slice(0, 3) + 8 + noise.slice(3);
    return digits.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };

  // The secret stays in this tab; what is sent is its hash, with which nobody can read.
  const secret = attempt(() => sessionStorage[PREFIX] || (sessionStorage[PREFIX] = random(32))) || random(32);
  const session = async () => {
    if (!session_id && crypto.subtle) {
      const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret));
      session_id = btoa(String.fromCharCode(...new Uint8Array(hash))).replace(/\W/g, (c) => (c == '+' ? '-' : '_')).slice(0, 22);
    }
    return session_id;
  };

  const settle = (uid, result) => {
    const tell = waiting[uid];
    delete queue[uid];
    delete waiting[uid];
    write(uid);
    emit(/^[sf]/.test(result.status) ? 'sent' : result.status, { uid, ...result }); // stored, flagged
    if (tell) tell(result);
  };

  // Entries that other pages left behind go too: if two send one, it is stored once.
  const batch = () => {
    const parts = [];
    const names = [];
    let size = 0;
    for (const uid of uids()) {
      size += queue[uid].length + OWN;
      if (names[0] && size > BODY) break;
      parts.push(queue[uid].replace('{', '{"_sent":' + Date.now() + ','));
      names.push(uid);
    }
    return [names, '[' + parts + ']', size];
  };

  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(flush, Math.max(ms, not_before - Date.now()));
  };

  const retry = (after) => {
    const ms = after * 1e3 || Math.min(1e3 * 2 ** failures++, 3e5) * (0.5 + Math.random());
    not_before = Date.now() + ms;
    emit('retry', { in: ms });
    later(ms);
  };

  const flush = async () => {
    if (busy || off()) return;
    if (Date.now() < not_before) return later(0);
    const [names, body, size] = batch();
    if (!names[0]) return;
    busy = 1;
    let answer, text;
    let status = 0;
    try {
      answer = await fetch(add_url, { method: 'POST', body, keepalive: size < 2e4, credentials: 'omit' });
      status = answer.status;
      text = await answer.json();
    } catch (e) {}
    busy = 0;
    if ((status < 300 && !text) || /408|425|429|5../.test(status)) return retry(answer && answer.headers.get('Retry-After'));
    failures = not_before = 0;
    names.forEach((uid, i) => {
      const result = status > 299 ? { ...text, error: (text && text.detail) || status, status: 'rejected' } : text.results[i];
      if (result.error) console.warn(PREFIX, result.error);
      settle(uid, result);
    });
    return flush();
  };

  const prune = () => {
    let size = 0;
    // The newest goes out whatever its size: the server says what is wrong with it.
    uids()
      .reverse()
      .slice(1)
      .forEach((uid) => {
        size += queue[uid].length + ENTRY;
        if (size > SIZE || Date.now() - born(uid) > AGE) settle(uid, { status: 'dropped' });
      });
  };

  /** Keeps an entry until it is stored. `done` is told its outcome, before that `queued` if it takes long. */
  const put = async (data, how, done) => {
    if (off()) return setTimeout(done, 0, { status: 'dropped' });
    const id = new_uid();
    const entry = { _at: Date.now(), _collection: how.collection, ...context, ...data, _uid: data._uid || how.uid || id };
    // Another page of the site, with another key, may send it.
    if (!entry._collection) entry._key = entry._key || options.key;
    const save = () => write(id, (queue[id] = JSON.stringify({ _session: session_id, ...entry })));
    // Written before anything is awaited: the page may be gone the next moment.
    save();
    waiting[id] = done;
    prune();
    setTimeout(() => waiting[id] && done({ status: 'queued', saved: !!stored(id) }), navigator.onLine ? 1e4 : 0);
    if (!session_id && (await session()) && queue[id]) save();
    if (how.now || uids().length >= BATCH) flush();
    else later(WAIT);
  };

  const ask = async (query, how) => (await (await fetch(base + '/list' + query, { credentials: 'omit', ...how })).json()).entries;

  // What a visitor reads beside a form, if the form says nothing else in data-frontdesk-thanks and so on.
  const TEXTS = {
    sending: 'Sending',
    thanks: 'Thank you.',
    queued: 'Saved, will be sent later.',
    refused: 'Not sent.',
    empty: 'Please fill it in.',
  };

  // A member of a form, or what its method gives, whatever its fields are called.
  const own = (form, name, value) => {
    const member = Reflect.get(HTMLFormElement.prototype, name, form);
    return value ? member.call(form, value) : member;
  };

  const api = {
    /** Keeps an entry until it is stored. Resolves with {id, status}; `queued` when offline or after 10 s. */
    add: (data, how = {}) => new Promise((done) => put(data, how, done)),
    /** Sends a form's fields and says beside it what became of them; passwords, cards and the content of files stay out. */
    async form(form, button) {
      const typed = () => '' + new URLSearchParams(new FormData(form, button));
      const text = typed();
      let promise = sending.get(form);
      if (promise) return promise;
      const attribute = (name) => own(form, 'getAttribute', 'data-frontdesk' + name);
      const say = (kind, more = '') => {
        let note = notes.get(form);
        if (!note) {
          notes.set(form, (note = document.createElement('p')));
          note.setAttribute('role', 'status');
        }
        if (!note.isConnected) own(form, 'after', note);
        note.textContent = (attribute('-' + kind) || TEXTS[kind]) + more;
      };
      const values = new FormData(form, button);
      for (const field of own(form, 'elements'))
        if (/pass|cc-|one-/.test(field.type + field.autocomplete) || field.name == '_charset_' || field.closest('[data-frontdesk-ignore]')) values.delete(field.name);
      const data = { __proto__: null, form: attribute('') || undefined };
      let files = '';
      let filled;
      for (let [name, value] of values) {
        // A file without a name: none was chosen.
        if (value.name === '') continue;
        if (value.name) {
          files = ' Files are not kept.';
          value = { file: value.name, type: value.type, bytes: value.size };
        }
        data[name] = data[name] == null ? value : [].concat(data[name], value);
        filled = filled || (!/^_[^ms]/.test(name) && /\S/.test(value));
      }
      // As without scripts: what the address says holds, unless a field says it too.
      new URLSearchParams((own(form, 'getAttribute', 'action') || '').split(/[?#]/)[1]).forEach((value, name) => {
        if (name[0] == '_') data[name] = data[name] || value;
      });
      if (!filled) return say('empty'), { status: 'rejected' };
      say('sending');
      const busy = button || form;
      busy.ariaBusy = true;
      promise = new Promise((resolve) =>
        put(data, { now: 1 }, (result) => {
          resolve(result);
          // Kept in memory alone it is not safe; and until it has arrived, what was typed stays.
          if (result.status == 'queued') return result.saved && say('queued', files);
          sending.delete(form);
          busy.ariaBusy = null;
          const sent = /^(s|du|f)/.test(result.status);
          own(form, 'dispatchEvent', new CustomEvent(PREFIX + (sent ? 'sent' : 'refused'), { bubbles: true, detail: result }));
          if (sent) {
            // stored, duplicate, flagged
            say('thanks', files);
            if (data._next) location = data._next;
            else if (typed() == text) own(form, 'reset', 1);
          } else {
            say('refused', ' ' + (result.message || '') + ' What you typed is still here.');
          }
        }),
      );
      sending.set(form, promise);
      return promise;
    },
    /** Fields that every later entry has. */
    set(more) {
      Object.assign(context, more);
    },
    session,
    /** What this browser session stored: entries that match a query string. */
    mine: (query = '') => ask('', { method: 'POST', body: '_secret=' + secret + '&' + new URLSearchParams(query) }),
    /** Entries of public collections. */
    list: (query = '') => ask('?' + new URLSearchParams(query)),
    flush,
    optOut(now) {
      out = now;
      write('out', now);
    },
    on(event, listener) {
      (listeners[event] = listeners[event] || []).push(listener);
    },
  };

  addEventListener('submit', (event) => {
    const form = event.target;
    if (!own(form, 'matches', '[data-frontdesk]')) return;
    if (!event.defaultPrevented) {
      event.preventDefault();
      api.form(form, event.submitter);
    } else if (!sending.has(form)) console.warn(PREFIX, 'not sent: call frontdesk.form(form)', form);
  });
  // Coming back sends it too, which does no harm.
  const leave = () => {
    const [names, body] = batch();
    if (names[0] && !off()) navigator.sendBeacon(add_url, body);
  };
  addEventListener('visibilitychange', leave);
  addEventListener('online', () => {
    not_before = 0;
    flush();
  });
  session();
  later(0);
  return api;
}
