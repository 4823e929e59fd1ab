// Menus: one is open at a time; Escape and a click elsewhere close it.
import { findAll } from './dom.js';

const close = (but) => findAll('details.menu[open]').forEach((menu) => menu.contains(but) || (menu.open = false));

document.addEventListener('click', (event) => close(event.target));
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  const menu = event.target.closest('details.menu[open]');
  if (!menu) return;
  menu.open = false;
  menu.querySelector('summary').focus();
});
