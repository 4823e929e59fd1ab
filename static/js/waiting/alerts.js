// Sound, vibration and notification: only after a tap.
import { find } from '../dom.js';

let sound;
let note;

/** Rings, if this page may. */
export const ring = () => {
  if (!sound) return;
  for (const at of [0, 0.35, 0.7]) {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.2, sound.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.3);
    tone.connect(volume).connect(sound.destination);
    tone.start(sound.currentTime + at);
    tone.stop(sound.currentTime + at + 0.3);
  }
  if (navigator.vibrate) navigator.vibrate([200, 100, 200]);
};

/** Shows a notification, which replaces the one of the same tag. */
export const notify = (text, tag) => {
  if (!window.Notification || Notification.permission !== 'granted') return;
  try {
    note = new Notification(text, { tag });
  } catch {
    // Some phones allow notifications only from a service worker.
  }
};

/** Takes the notification back. */
export const unnotify = () => note && note.close();

const button = find('[data-alerts]');
const trial = find('[data-alerts-try]');

const listen = async () => {
  sound = new AudioContext();
  if (window.Notification && Notification.permission === 'default') await Notification.requestPermission();
  find('span', button).textContent = 'Sound is on while this page is open';
  button.disabled = true;
  trial.hidden = false;
};

if (button) {
  button.hidden = false;
  button.addEventListener('click', listen);
  trial.addEventListener('click', ring);
}
