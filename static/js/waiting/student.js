// A student's place: tells when it changes, rings when it is called, keeps the screen on near the head of the line.
import { find } from '../dom.js';
import { notify, ring, unnotify } from './alerts.js';
import { follow, part } from './stream.js';
import { badge } from './tab.js';

const read = () => {
  const place = find('[data-place]', part);
  if (!place) return null;
  const { placeState: state, placePosition: position, placeTitle: title, placeSay: say } = place.dataset;
  return { state, position: +position, title, say };
};

let lock;
const keepScreenOn = async (wanted) => {
  if (wanted && !lock && navigator.wakeLock && !document.hidden) {
    lock = await navigator.wakeLock.request('screen').catch(() => null);
    if (lock) lock.addEventListener('release', () => (lock = null));
  } else if (!wanted && lock) lock.release();
};

const moved = (was, is) => {
  if (was.state !== 'waiting' || is.state !== 'waiting' || was.position === is.position) return '';
  return is.position < was.position
    ? `You moved up from ${was.position} to ${is.position}. `
    : 'Somebody who was there before you has come back. ';
};

const tell = (was, is) => {
  if (is.state === 'called') {
    find('[data-place-assertive]').textContent = is.say;
    ring();
    notify(is.say, part.dataset.live);
    return;
  }
  find('[data-place-polite]').textContent = moved(was, is) + is.say;
  unnotify();
  if (is.state === 'waiting' && is.position === 1) notify(is.say, part.dataset.live);
};

const changed = (was) => {
  const is = read();
  if (!is) return;
  // The place goes on in another line, which counts for itself.
  if (was && is.state === 'transferred') {
    location.reload();
    return;
  }
  const isWaiting = is.state === 'waiting';
  document.title = is.title;
  badge(is.state === 'called' ? '!' : isWaiting ? is.position : '·', is.state === 'called');
  keepScreenOn(is.state === 'called' || (isWaiting && is.position <= 3));
  if (was && (was.state !== is.state || was.position !== is.position)) tell(was, is);
};

follow(read, changed);
