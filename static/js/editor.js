// The editor of updates: what is typed is shown beside it as visitors will see it, and kept while it is typed.
import { find, findAll } from './dom.js';

const form = find('form[data-keeps]');
const wait = { preview: 300, keep: 1500, again: 10000, patience: 20000 };
// The most that a browser sends of a page that is being left.
const LAST_WORDS = 60000;

const send = (url, more) => {
  const body = new URLSearchParams(new FormData(form));
  const isLeaving = document.hidden && String(body).length < LAST_WORDS;
  const signal = AbortSignal.timeout(wait.patience);
  return fetch(url, { method: 'POST', body, headers: { Accept: 'application/json' }, keepalive: isLeaving, signal, ...more });
};

// Runs once for all calls within a time, so that it runs while somebody goes on typing.
const soon = (work) => {
  let timer;
  return (ms) => {
    timer ||= setTimeout(() => {
      timer = 0;
      work();
    }, ms);
  };
};

const showPreview = async () => {
  const text = find('[data-previews]', form);
  const typed = text.value;
  const answer = await send('/updates/edit/preview').catch(() => null);
  // The server has cleaned it. Of two answers the one to what stands there now counts.
  if (answer?.ok && typed === text.value) find(`#${text.dataset.previews}`).innerHTML = await answer.text();
};

const tell = (text) => (find('[data-kept]', form).textContent = text);

// There is something to be sent; something stands in the form that is stored nowhere.
let changed = false;
let unkept = false;
let ended = false;
let keeping = null;

const take = ({ action, version, draft }) => {
  unkept = changed;
  for (const field of findAll('main input[name=version]')) field.value = version;
  if (form.getAttribute('action') !== action) {
    form.setAttribute('action', action);
    form.dataset.keeps = `${action}/kept`;
    history.replaceState(null, '', action);
  }
  const at = new Date().toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  tell(draft ? `Saved as a draft at ${at}.` : `Kept at ${at}; visitors see it once you save.`);
};

// What ends keeping for good. Save tells more, and what is typed stays on the page.
const OVER = {
  403: 'No longer kept while you type: you may not change updates any more.',
  404: 'No longer kept while you type: somebody deleted it. Save makes a new update of it.',
  412: 'No longer kept while you type: somebody changed it meanwhile. Save tells more.',
};

const refused = async (answer) => {
  changed = true;
  if (OVER[answer?.status]) {
    ended = true;
    return tell(OVER[answer.status]);
  }
  if (answer?.status === 422) {
    changed = false;
    const { errors = [] } = await answer.json();
    return tell(`Not kept: ${errors.map(({ pointer = '', detail }) => `${pointer.slice(1)} ${detail}`).join('; ')}.`);
  }
  tell(answer?.status === 401 ? 'Not kept: you are signed out. Sign in on another page, then go on here.' : 'Not kept: no answer. It is tried again.');
  keepSoon(wait.again);
};

const keepNow = async () => {
  try {
    const answer = await send(form.dataset.keeps);
    await (answer.ok ? answer.json().then(take) : refused(answer));
  } catch {
    await refused().catch(() => {});
  }
};

const keep = async () => {
  if (!changed || ended || keeping || !(form.elements.title.value + form.elements.body.value).trim()) return;
  changed = false;
  keeping = keepNow();
  await keeping;
  keeping = null;
  if (changed) keepSoon(wait.keep);
};

const keepSoon = soon(keep);
const previewSoon = soon(showPreview);

const typed = ({ target }) => {
  changed = unkept = true;
  keepSoon(wait.keep);
  if (target.matches('[data-previews]')) previewSoon(wait.preview);
  // Whoever writes a time means it.
  if (target.name === 'at' && target.value) find('[name=when][value=later]', form).checked = true;
};

if (form) {
  const zone = find('[data-own-zone]', form);
  if (zone?.value === 'UTC') zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  ended = 'ended' in form.dataset;
  form.addEventListener('input', typed);
  if ('unsaved' in form.dataset) {
    changed = unkept = true;
    keepSoon(wait.keep);
  }
  document.addEventListener('visibilitychange', () => document.hidden && keep());
  let sent = false;
  form.addEventListener('submit', async (event) => {
    if (!keeping) {
      sent = ended = true;
      return;
    }
    // What is being kept makes a new version, which is the one to be saved.
    event.preventDefault();
    const { submitter } = event;
    await keeping;
    setTimeout(() => form.requestSubmit(submitter));
  });
  addEventListener('beforeunload', (event) => {
    if (unkept && !sent) event.preventDefault();
  });
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) sent = ended = false;
  });
}
