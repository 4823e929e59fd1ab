// What makes the pages of staff live. Every page works without it.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// Colours: auto, light or dark, remembered in this browser.
const theme = localStorage.theme || 'auto';
const paint = (choice) => (choice === 'auto' ? delete document.documentElement.dataset.theme : (document.documentElement.dataset.theme = choice));
paint(theme);
const choice = $('[data-theme-choice]');
if (choice) {
  choice.value = theme;
  choice.addEventListener('change', () => paint((localStorage.theme = choice.value)));
}

// Times: relative, in the reader's words, with the absolute local time on hover.
const words = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const units = [['year', 31536e6], ['month', 2592e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4], ['second', 1e3]];
const tell = (time) => {
  const at = new Date(time.dateTime);
  const past = at - Date.now();
  const [unit, size] = units.find(([, size]) => Math.abs(past) >= size) || units[5];
  time.title = at.toLocaleString();
  time.textContent = words.format(Math.round(past / size), unit);
};
const tellAll = () => $$('time').forEach(tell);
tellAll();
setInterval(tellAll, 30000);

// Copy buttons.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).innerText);
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = 'Copy'), 2000);
});

// Progress of what the server does: the number moves, the rest of the page stays until it is over.
const follow = async (shown) => {
  const answer = await fetch(location.href).catch(() => {});
  const next = answer && $('[data-progress]', new DOMParser().parseFromString(await answer.text(), 'text/html'));
  if (answer && !next) return location.reload();
  if (next) shown.replaceWith((shown = next));
  setTimeout(follow, 2000, shown);
};
const progress = $('[data-progress]');
if (progress) setTimeout(follow, 1000, progress);

// Forms: a question before what cannot be undone, and no second click while sending.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return event.preventDefault();
  if ('busy' in form.dataset) {
    const button = $('button:not([type=button])', form);
    setTimeout(() => {
      button.setAttribute('aria-busy', 'true');
      button.disabled = true;
    });
  }
});

// What was typed into a form that was sent after its session is kept in this tab, for the same person, and given back on
// its page after they signed in. The version goes with it: a change that somebody made meanwhile is not overwritten.
const { person } = document.body.dataset;
const keepDraft = (draft) => {
  try {
    draft ? (sessionStorage.draft = JSON.stringify(draft)) : delete sessionStorage.draft;
  } catch {} // too long to be kept, or nothing may be kept here
};
const readDraft = () => {
  try {
    return JSON.parse(sessionStorage.draft);
  } catch {}
};
const fits = (field) => field.name && (field.name === 'version' || !['hidden', 'password', 'file', 'submit'].includes(field.type));
const typed = (form) => [...form.elements].filter((field) => fits(field) && (field.checked || !['checkbox', 'radio'].includes(field.type))).map(({ name, value }) => [name, value]);
const giveBack = ({ action, values }) => {
  const has = (form) => values.every(([name]) => [...form.elements].some((field) => field.name === name && fits(field)));
  const form = $$('main form[method=post]').find((form) => form.getAttribute('action') === action && has(form));
  if (!form) return;
  for (const field of [...form.elements].filter(fits)) {
    const given = values.filter(([name]) => name === field.name).map(([, value]) => value);
    if (['checkbox', 'radio'].includes(field.type)) field.checked = given.includes(field.value);
    else if (given.length) [field.value] = given;
  }
  form.insertAdjacentHTML('afterbegin', '<p class="warning" role="status">What you typed is back. It is not saved yet.</p>');
};
const draft = readDraft();
if (location.pathname === '/sign-in') {
  if (draft && location.search.includes('ended=true')) {
    keepDraft({ ...draft, ended: true });
    $('input[name=next]').value = draft.page;
  }
} else {
  // A form that was refused is shown at the address it was sent to; the page that it belongs to is the one before.
  const again = draft && !draft.ended && location.pathname === draft.action && $('main [aria-invalid], main .wrong');
  const page = again ? draft.page : location.pathname + location.search;
  keepDraft();
  if (draft && draft.ended && draft.page === page && draft.person === person) giveBack(draft);
  document.addEventListener('submit', (event) => {
    const form = event.target;
    const values = typed(form);
    if (person && form.method === 'post' && !event.defaultPrevented && values.some(([name]) => name !== 'version')) {
      keepDraft({ page, person, action: form.getAttribute('action'), values });
    }
  });
}

// Offline.
const offline = $('[data-offline]');
const connection = () => (offline.hidden = navigator.onLine);
if (offline) {
  addEventListener('online', connection);
  addEventListener('offline', connection);
  connection();
}

// Waiting for the first entry: look again until it is there.
const get = (query) => fetch(`/list?${query}`, { headers: { Accept: 'application/json' } }).then((answer) => answer.json());
const guide = $('[data-waiting]');
if (guide) {
  const look = async () => {
    const found = await get(`${guide.dataset.waiting}&_limit=1`).catch(() => null);
    if (found && found.count) location.reload();
    else setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}

// "12 new entries, show": the list itself never jumps.
const news = $('[data-news]');
if (news && !/_cursor|_sort/.test(location.search)) {
  setInterval(async () => {
    if (document.hidden) return;
    const found = await get(`${news.dataset.query}&_id__gt=${news.dataset.newest}&_limit=1`).catch(() => null);
    if (!found || !found.count) return;
    $('a', news).textContent = `${found.count}${found.truncated ? '+' : ''} new ${found.count === 1 ? 'entry' : 'entries'}, show`;
    news.hidden = false;
  }, 5000);
}

// Selecting rows: the header's box, ranges with shift, a running count.
const marks = $('[data-marks]');
if (marks) {
  const boxes = $$('input[name=id]', marks);
  const all = $('[data-all]', marks);
  const told = $('[data-selected]', marks);
  let last;
  const count = () => {
    const selected = boxes.filter((box) => box.checked).length;
    if (told) told.textContent = selected ? `${selected} selected:` : 'Select rows to';
    if (all) [all.checked, all.indeterminate] = [selected === boxes.length, selected > 0 && selected < boxes.length];
  };
  boxes.forEach((box, index) =>
    box.addEventListener('click', (event) => {
      if (event.shiftKey && last !== undefined) {
        boxes.slice(Math.min(last, index), Math.max(last, index) + 1).forEach((between) => (between.checked = box.checked));
      }
      last = index;
      count();
    }),
  );
  if (all) {
    all.addEventListener('change', () => {
      boxes.forEach((box) => (box.checked = all.checked));
      count();
    });
  }
  count();
}

// Keyboard. Off while typing, with modifiers, and when somebody switched it off.
const keys = $('[data-keys-choice]');
if (keys) {
  keys.checked = localStorage.keys !== 'off';
  keys.addEventListener('change', () => (localStorage.keys = keys.checked ? 'on' : 'off'));
}
let row = -1;
let before = '';
const step = (by) => {
  const rows = $$('[data-row]');
  if (!rows.length) return;
  row = Math.max(0, Math.min(rows.length - 1, row + by));
  const link = $('a', rows[row]);
  link.focus();
  link.scrollIntoView({ block: 'nearest' });
};
const actions = {
  '?': () => $('#help') && $('#help').showModal(),
  '/': () => $('#q') && $('#q').focus(),
  j: () => ($('[data-hotkey=j]') ? $('[data-hotkey=j]').click() : step(1)),
  k: () => ($('[data-hotkey=k]') ? $('[data-hotkey=k]').click() : step(-1)),
  x: () => {
    const box = $$('[data-row]')[row] && $('input[name=id]', $$('[data-row]')[row]);
    if (box) box.click();
  },
};
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.ctrlKey && event.target.form) return event.target.form.requestSubmit();
  if (localStorage.keys === 'off' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select, [contenteditable]')) return;
  const pair = $(`[data-hotkey="${before} ${event.key}"]`.replace(/\\/g, '')) || (event.key === 'n' && $('[data-hotkey=n]'));
  before = event.key;
  setTimeout(() => (before = ''), 1000);
  const act = pair ? () => pair.click() : actions[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});
