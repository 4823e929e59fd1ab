// A board, or the display of a room: the number of those who wait in the title, a sound when an empty line got its first.
import { find } from '../dom.js';
import { notify, ring } from './alerts.js';
import { follow, part } from './stream.js';

const title = document.title;

const read = () => {
  const board = find('[data-board-waiting]', part);
  return board && +board.dataset.boardWaiting;
};

follow(read, (was) => {
  const waiting = read();
  document.title = `(${waiting}) ${title}`;
  if (was !== 0 || waiting === 0) return;
  ring();
  notify('Somebody joined the line.', part.dataset.live);
});
