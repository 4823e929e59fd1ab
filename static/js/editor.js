// The editor of updates: what is typed is shown beside it as visitors will see it, and kept while it is typed.
import { find } from './dom.js';

const form = find('form[data-keeps]');
const wait = { preview: 300, keep: 1500, again: 10000 };

const send = (url, more) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(new FormData(form)), headers: { Accept: 'application/json' }, ...more }).catch(
    () => null,
  );

const later = (work) => {
  let timer;
  return (ms) => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
};

const showPreview = async () => {
  const text = find('[data-previews]', form);
  const typed = text.value;
  const answer = await send('/updates/edit/preview');
  // The server has cleaned it. Of two answers the one to what stands there now counts.
  if (answer?.ok && typed === text.value) find(`#${text.dataset.previews}`).innerHTML = await answer.text();
};

const tell = (text) => (find('[data-kept]', form).textContent = text);

let changed = false;
let ended = false;
let keeping = null;

const take = ({ action, version, draft }) => {
  form.elements.version.value = version;
  if (form.getAttribute('action') !== action) {
    form.setAttribute('action', action);
    form.dataset.keeps = `${action}/kept`;
    history.replaceState(null, '', action);
  }
  const at = new Date().toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  tell(draft ? `Saved as a draft at ${at}.` : `Kept at ${at}; visitors see it once you save.`);
};

const refused = async (answer) => {
  if (answer?.status === 412) {
    ended = true;
    return tell('No longer kept while you type: somebody changed it meanwhile. Save replaces their change.');
  }
  if (answer?.status === 401) return tell('Not kept: you are signed out. Sign in on another page, then go on here.');
  if (answer?.status === 422) {
    const { errors = [] } = await answer.json();
    return tell(`Not kept: ${errors.map(({ pointer = '', detail }) => `${pointer.slice(1)} ${detail}`).join('; ')}.`);
  }
  tell('Not kept: no answer. It is tried again.');
  changed = true;
  keepLater(wait.again);
};

const keepNow = async () => {
  const answer = await send(form.dataset.keeps, { keepalive: true });
  await (answer?.ok ? answer.json().then(take) : refused(answer));
};

const keep = async () => {
  if (!changed || ended || keeping || !(form.elements.title.value + form.elements.body.value).trim()) return;
  changed = false;
  keeping = keepNow();
  await keeping;
  keeping = null;
  if (changed) keepLater(wait.keep);
};

const keepLater = later(keep);
const previewLater = later(showPreview);

if (form) {
  const zone = find('[data-own-zone]', form);
  if (zone?.value === 'UTC') zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  form.addEventListener('input', (event) => {
    changed = true;
    keepLater(wait.keep);
    if (event.target.matches('[data-previews]')) previewLater(wait.preview);
  });
  document.addEventListener('visibilitychange', () => document.hidden && keep());
  form.addEventListener('submit', async (event) => {
    ended = true;
    if (!keeping) return;
    // What is being kept makes a new version, which is the one to be saved.
    event.preventDefault();
    const { submitter } = event;
    await keeping;
    setTimeout(() => form.requestSubmit(submitter));
  });
  addEventListener('pageshow', () => (ended = false));
}
