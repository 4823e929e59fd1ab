// Times: in the reader's zone and words, and how long ago that is.
import { findAll } from './dom.js';

const ago = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'narrow' });
const units = [['year', 31536e6], ['month', 2592e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4], ['second', 1e3]];
const clock = { hour: '2-digit', minute: '2-digit' };

const absolute = (at) => {
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return at.toLocaleTimeString(undefined, clock);
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' };
  return at.toLocaleString(undefined, { day: 'numeric', month: 'short', ...year, ...clock });
};

const relative = (at) => {
  const past = at - Date.now();
  const [unit, size] = units.find(([, size]) => Math.abs(past) >= size) || units[5];
  return ago.format(Math.round(past / size), unit);
};

const tell = (time) => {
  const at = new Date(time.dateTime);
  const told = Object.assign(document.createElement('span'), { className: 'ago', textContent: relative(at) });
  time.title = at.toLocaleString();
  time.replaceChildren(`${absolute(at)} `, told);
};

const tellAll = () => findAll('time').forEach(tell);
tellAll();
setInterval(tellAll, 30000);
