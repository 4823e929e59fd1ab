// A part of a page that the server keeps up to date: data-live is the address of its events, data-live-seq the number of
// the newest change that it shows.
import { find, findAll } from '../dom.js';
import { tellFreshness, tick } from './clocks.js';

const DEAD = 25000; // milliseconds without a beat, of which one comes every ten seconds
const STALE = 12000; // the same when the reader comes back to the page

const part = find('[data-live]');
let seq = part && +part.dataset.liveSeq;
let heard = Date.now();
let source;
let tries = 0;
let retry;
let onShow;

const isWriting = () =>
  part.contains(document.activeElement) && document.activeElement.matches('input:not([type=hidden]), textarea, select');
const isOpen = () => Boolean(source) && source.readyState === 1;

const replace = (html) => {
  const opened = findAll('details[open]', part).map((one) => one.id);
  const { activeElement } = document;
  const focus = part.contains(activeElement) && (activeElement.dataset.liveKey || activeElement.id);
  part.innerHTML = html;
  for (const one of findAll('details', part)) one.open = one.open || opened.includes(one.id);
  const again = focus && find(`[data-live-key="${CSS.escape(focus)}"], #${CSS.escape(focus)}`, part);
  if (again) again.focus();
  tick(part);
};

// What is being written is not taken away; what came meanwhile is shown when the field is left.
let held;
const show = (html) => {
  if (isWriting()) {
    held = html;
    return;
  }
  held = undefined;
  const before = onShow.read();
  replace(html);
  onShow.changed(before);
};

// Connected for as long as the page is there; the pause between tries grows, and is never the same for all.
const connect = () => {
  clearTimeout(retry);
  if (source) source.close();
  source = new EventSource(part.dataset.live);
  const beat = (event) => {
    heard = Date.now();
    tries = 0;
    return +event.lastEventId;
  };
  source.addEventListener('beat', beat);
  source.addEventListener('show', (event) => {
    const newer = beat(event);
    if (newer < seq) return;
    seq = newer;
    show(event.data);
  });
  source.onerror = () => {
    source.close();
    tellFreshness(false);
    retry = setTimeout(connect, Math.min(15000, 500 * 2 ** tries++) * (0.5 + Math.random()));
  };
  heard = Date.now();
};

/** Keeps the live part up to date. `read` is asked before it changes, and `changed` is given what that said. */
export const follow = (read, changed) => {
  onShow = { read, changed };
  part.addEventListener('focusout', () => setTimeout(() => held !== undefined && show(held)));
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    if (!isOpen() || Date.now() - heard > STALE) connect();
    changed();
  });
  addEventListener('online', connect);
  setInterval(() => {
    tellFreshness(isOpen(), Date.now() - heard);
    tick(part);
    if (source && Date.now() - heard > DEAD) connect();
  }, 1000);
  changed();
  connect();
  tick(part);
};

/** The live part of the page. */
export { part };
