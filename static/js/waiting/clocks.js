// Countdowns and timers inside a live part, and how fresh it is.
import { find, findAll } from '../dom.js';

const fresh = find('[data-live-fresh]');
const minutes = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;

/** Brings all clocks of `part` up to date. */
export const tick = (part) => {
  for (const one of findAll('[data-live-countdown]', part)) {
    const left = new Date(one.dataset.liveCountdown) - Date.now();
    one.textContent = left > 0 ? ` (${minutes(left)} left)` : ' (the time is over)';
  }
  for (const one of findAll('[data-live-since]', part)) {
    one.textContent = minutes(Math.max(0, Date.now() - new Date(one.dataset.liveSince)));
  }
};

/** Says whether the page is connected, and how many milliseconds ago it heard something. */
export const tellFreshness = (isOpen, ago) => {
  if (!fresh) return;
  fresh.hidden = false;
  fresh.classList.toggle('live-off', !isOpen);
  fresh.textContent = isOpen ? `connected, updated ${Math.round(ago / 1000)} s ago` : 'reconnecting…';
};
