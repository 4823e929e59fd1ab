// A part of a page that tells what goes on: read again now and then, unless somebody is busy in it.
import { find } from './dom.js';

const part = find('[data-again]');

const read = async () => {
  if (document.hidden || part.contains(document.activeElement)) return;
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById(part.id);
  if (fresh && !part.contains(document.activeElement)) part.replaceChildren(...fresh.childNodes);
};

if (part) setInterval(read, Number(part.dataset.again));
