// The snippet's source. `e2e/snippet-build.mjs` makes frontdesk.min.js (a classic script) and frontdesk.mjs of it.
//
// The queue is the truth, the beacon a hint: an entry is written to localStorage first, under a key of its own so that
// tabs never overwrite each other, and removed only when an answer to fetch was read. Every entry has a client id, so
// that sending again costs nothing: the server stores it once.

const PREFIX = 'frontdesk:';
const WAIT = 1500; // ms from the first entry to the flush
const BATCH = 20; // entries that are sent without waiting
const BODY = 48000; // bytes: fetch with keepalive and beacons share 64 KiB
const MOST = 500; // entries kept while offline
const SIZE = 1e6; // characters kept while offline
const AGE = 6048e5; // 7 days in ms

/** Starts a client for one collection. `options`: url, key. */
export function start(options) {
  const base = options.url.replace(/\/+$/, '');
  const add_url = base + '/add' + (options.key ? '?_key=' + encodeURIComponent(options.key) : '');
  const listeners = {};
  const waiting = {}; // uid → resolve
  let memory = {}; // where localStorage cannot be used
  let context = {};
  let failures = 0;
  let not_before = 0;
  let busy, timer, session_id;

  const local = () => {
    try {
      localStorage.setItem(PREFIX, '');
      return localStorage;
    } catch (e) {}
  };
  const read = (name) => (local() || {})[PREFIX + name] || memory[name];
  const write = (name, text) => {
    try {
      localStorage.setItem(PREFIX + name, text);
    } catch (e) {
      memory[name] = text;
    }
  };
  const remove = (name) => {
    delete memory[name];
    try {
      localStorage.removeItem(PREFIX + name);
    } catch (e) {}
  };
  // oldest first: a UUIDv7 begins with the time
  const uids = () =>
    Object.keys(local() || {})
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => name.slice(PREFIX.length))
      .concat(Object.keys(memory))
      .filter((name) => name[14] == 7)
      .sort();
  const born = (uid) => parseInt(uid.slice(0, 8) + uid.slice(9, 13), 16);
  const emit = (event, detail) => (listeners[event] || []).forEach((listener) => listener(detail));

  const random = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => (b + 256).toString(16).slice(1)).join('');
  const new_uid = () => {
    const time = Date.now().toString(16).padStart(12, 0);
    const noise = random(10);
    return time.slice(0, 8) + '-' + time.slice(8) + '-7' + noise.slice(0, 3) + '-8' + noise.slice(3, 6) + '-' + noise.slice(6, 18);
  };

  // The secret stays in this tab; what is sent is its hash, with which nobody can read.
  const secret = () => {
    try {
      return sessionStorage[PREFIX] || (sessionStorage[PREFIX] = random(32));
    } catch (e) {
      return (memory.secret = memory.secret || random(32));
    }
  };
  const session = async () => {
    if (!session_id && crypto.subtle) {
      const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret()));
      session_id = btoa(String.fromCharCode(...new Uint8Array(hash))).replace(/\+/g, '-').replace(/\//g, '_').slice(0, 22);
    }
    return session_id;
  };

  const settle = (uid, event, result) => {
    remove(uid);
    emit(event, { uid, ...result });
    if (waiting[uid]) waiting[uid](result);
    delete waiting[uid];
  };

  // Entries that other tabs left behind go too: if both send one, it is stored once.
  const batch = () => {
    const parts = [];
    const names = [];
    let size = 0;
    for (const uid of uids()) {
      const text = read(uid);
      if (!text) continue; // another tab was faster
      size += new Blob([text]).size + 25;
      if (names.length == 100 || (names.length && size > BODY)) break;
      parts.push(text);
      names.push(uid);
    }
    return [names, '[' + parts.map((text) => text.replace('{', '{"_sent":' + Date.now() + ',')).join() + ']'];
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
    if (busy) return;
    if (Date.now() < not_before) return later(0);
    const [names, body] = batch();
    if (!names[0]) return;
    busy = 1;
    let answer, text;
    try {
      answer = await fetch(add_url, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body, keepalive: true, credentials: 'omit' });
      text = await answer.json();
    } catch (e) {}
    busy = 0;
    const status = answer ? answer.status : 0;
    if (!status || (status < 300 && !text) || status == 408 || status == 425 || status == 429 || status > 499) return retry(answer && +answer.headers.get('Retry-After'));
    failures = not_before = 0;
    const refused = status > 299 && { status: 'rejected', error: (text && text.detail) || status };
    names.forEach((uid, i) => {
      const result = refused || text.results[i];
      if (result.status == 'rejected') console.warn('frontdesk: ' + result.error + ' ' + base);
      settle(uid, result.status == 'rejected' || result.status == 'duplicate' ? result.status : 'sent', result);
    });
    return flush();
  };

  const prune = () => {
    const all = uids();
    let size = 0;
    all.reverse().forEach((uid, i) => {
      size += read(uid).length;
      if (i >= MOST || size > SIZE || Date.now() - born(uid) > AGE) settle(uid, 'dropped', { status: 'dropped' });
    });
  };

  const api = {
    /** Keeps an entry until it is stored. Resolves with {id, status}; `queued` when offline or after 10 s. */
    async add(data, how = {}) {
      if (read('out')) return { status: 'dropped' };
      const id = new_uid();
      const entry = { _uid: how.uid || id, _at: Date.now(), _collection: how.collection, ...context, ...data };
      // Written before anything is awaited: the page may be gone the next moment.
      write(id, JSON.stringify({ _session: session_id, ...entry }));
      prune();
      if (!session_id && (await session()) && read(id)) write(id, JSON.stringify({ _session: session_id, ...entry }));
      const result = new Promise((resolve) => {
        waiting[id] = resolve;
        setTimeout(resolve, navigator.onLine === false ? 0 : 1e4, { status: 'queued' });
      });
      if (how.now || uids().length >= BATCH) flush();
      else later(WAIT);
      return result;
    },
    /** Sends a form's fields; passwords, cards and files stay out. */
    form(form) {
      const data = {};
      if (form.dataset.frontdesk) data.form = form.dataset.frontdesk;
      for (const field of form.elements) {
        if (
          !field.name ||
          field.disabled ||
          /password|file|submit|button|image|reset/.test(field.type) ||
          (/checkbox|radio/.test(field.type) && !field.checked) ||
          /^cc-|one-time-code|password/.test(field.autocomplete) ||
          field.closest('[data-frontdesk-ignore]')
        )
          continue;
        const values = field.type == 'select-multiple' ? Array.from(field.selectedOptions, (option) => option.value) : [field.value];
        for (const value of values) data[field.name] = field.name in data ? [].concat(data[field.name], value) : value;
      }
      return api.add(data, { now: 1 });
    },
    /** Fields that every later entry has. */
    set(more) {
      context = { ...context, ...more };
    },
    session,
    /** What this browser session stored: entries that match a query string. */
    async mine(query = '') {
      const answer = await fetch(base + '/list', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: '_secret=' + secret() + '&' + new URLSearchParams(query), credentials: 'omit' });
      return (await answer.json()).entries;
    },
    /** Entries of public collections. */
    async list(query = '') {
      return (await (await fetch(base + '/list?' + new URLSearchParams(query), { credentials: 'omit' })).json()).entries;
    },
    flush,
    optOut(out) {
      out ? write('out', 1) : remove('out');
    },
    on(event, listener) {
      (listeners[event] = listeners[event] || []).push(listener);
    },
  };

  addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('[data-frontdesk]') || event.defaultPrevented) return;
    const result = api.form(form);
    // A form that leads here anyway, for browsers without scripts, need not leave the page.
    if (form.action.startsWith(base + '/add')) {
      event.preventDefault();
      result.then(() => {
        form.dispatchEvent(new Event('frontdesk:sent', { bubbles: true }));
        if (form.elements._next) location = form.elements._next.value;
        else form.reset();
      });
    }
  });
  const leave = () => {
    const [names, body] = batch();
    if (names[0] && Date.now() >= not_before) navigator.sendBeacon(add_url, body);
  };
  addEventListener('pagehide', leave);
  addEventListener('visibilitychange', () => document.hidden && leave());
  addEventListener('online', () => {
    not_before = 0;
    flush();
  });
  session();
  later(0);
  return api;
}
