// Selecting rows: the box in the head, ranges with shift, a bar over the head as long as something is selected.
import { find, findAll } from './dom.js';

const form = find('[data-selection]');
const bar = find('[data-selection-bar]');

const select = () => {
  const boxes = findAll('input[name=id]', form);
  const all = find('[data-selection-all]', form);
  const told = find('[data-selection-count]', bar);
  let last;
  const count = () => {
    const selected = boxes.filter((box) => box.checked).length;
    told.textContent = `${selected} selected`;
    bar.hidden = !selected;
    [all.checked, all.indeterminate] = [selected === boxes.length, selected > 0 && selected < boxes.length];
    for (const box of boxes) box.closest('tr').classList.toggle('is-on', box.checked);
  };
  boxes.forEach((box, index) =>
    box.addEventListener('click', (event) => {
      if (event.shiftKey && last !== undefined) {
        for (const between of boxes.slice(Math.min(last, index), Math.max(last, index) + 1)) between.checked = box.checked;
      }
      last = index;
      count();
    }),
  );
  all.addEventListener('change', () => {
    for (const box of boxes) box.checked = all.checked;
    count();
  });
  bar.classList.add('selection-over', 'on-solid');
  count();
};

if (form && bar) select();
